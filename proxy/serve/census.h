#pragma once

#include "proxy/base/time.h"
#include "proxy/http/forwarded.h"
#include "proxy/serve/waiting_line.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace drawbridge::serve {

// Who is connected: keeps the bounds on client connections of the process and of one address. One for all workers;
// any thread. The total is one atomic; the table of addresses has a mutex that nobody touches while no limit for
// addresses is set.
class Census {
 public:
  // The place of one connection; gives itself back.
  class Seat {
   public:
    ~Seat() { leave(); }
    Seat(Seat&& other) noexcept
        : census_(std::exchange(other.census_, nullptr)), address_(other.address_), listed_(other.listed_) {}
    Seat& operator=(Seat&&) = delete;

   private:
    friend class Census;
    Seat(Census& census, const http::IpAddress& address, bool listed)
        : census_(&census), address_(address), listed_(listed) {}
    void leave();

    Census* census_;
    http::IpAddress address_;
    bool listed_;  // counted for its address
  };

  // Of the process; of one address (0: no limit). Connections that are open stay.
  void set_limits(std::uint64_t connections, std::uint64_t per_address);

  // The process has all the connections it may: new ones wait in line, and are turned away when no place comes free
  // for them. A place that is given back, and a higher limit, calls who is next.
  bool full() const { return open() >= limit(); }
  WaitingLine& line() { return line_; }
  std::uint64_t open() const { return open_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }

  // Counts a client that was turned away because the process is full. True if it is time to say so.
  bool turned_away(base::SteadyTime now);
  std::uint64_t turned_away_total() const { return turned_away_.load(std::memory_order_relaxed); }
  bool turned_away_since(base::SteadyTime time) const { return last_turned_away_.load() >= time; }

  // Nothing if the address has all it may. A `shared` address stands for many clients (a trusted proxy): not
  // limited.
  std::optional<Seat> enter(const http::IpAddress& address, bool shared);

 private:
  using Address = std::array<std::uint8_t, 16>;

  bool list(const Address& address, std::uint64_t limit);

  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> limit_{UINT64_MAX};
  std::atomic<std::uint64_t> limit_per_address_{0};
  WaitingLine line_;
  std::atomic<std::uint64_t> turned_away_{0};
  std::atomic<base::SteadyTime> last_turned_away_{base::SteadyTime::min()};
  std::atomic<base::SteadyTime> said_{base::SteadyTime::min()};
  std::mutex mutex_;
  std::map<Address, std::uint64_t> by_address_;
};

}  // namespace drawbridge::serve
