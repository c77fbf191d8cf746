#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

namespace drawbridge::net {

// Keys of session tickets (RFC 5077 section 4), shared by all workers, so that a client may come back on any of
// them. Made in memory and never stored: with the last rotation, what was recorded of a session stays secret also
// from who learns the newer keys. A mutex, since it is asked once a handshake, not once a request. Any thread.
class TicketKeys {
 public:
  // A ticket can be redeemed for at least so long, and less than twice that.
  static constexpr std::chrono::hours lifetime{2};
  static constexpr std::chrono::hours rotation{1};

  struct Key {
    std::array<std::uint8_t, 16> name{};
    std::array<std::uint8_t, 32> cipher{};
    std::array<std::uint8_t, 32> mac{};
  };
  struct Found {
    Key key;
    bool old = false;  // the client should get a new ticket
  };

  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // A new key for new tickets; the oldest is forgotten. Every `rotation`.
  void rotate();

  Key current() const;
  std::optional<Found> find(std::span<const std::uint8_t> name) const;

 private:
  static constexpr std::size_t kept = static_cast<std::size_t>(lifetime / rotation) + 1;

  mutable std::mutex mutex_;
  std::array<Key, kept> keys_;  // the current one first
  std::size_t count_ = 0;
};

}  // namespace drawbridge::net
