#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/loop.h"
#include "proxy/net/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <sys/socket.h>

namespace drawbridge::net {

// A listening TCP socket on "IP:port" ("[v6]:port"; port 0: any), SO_REUSEADDR and SO_REUSEPORT, so that each
// worker has its own. The error names the address and what to do.
base::Expected<UniqueFd> listen_on(const std::string& address);

// Fails if any process listens on the address, one of ours included. listen_on() cannot tell: SO_REUSEPORT would
// let a second proxyd listen beside the first, the kernel would share the connections between them, and what one of
// them promises about writes would not hold for the other. Call it for all addresses before the first listen_on().
base::Expected<void> check_vacant(const std::string& address);

// "IP:port" that a listening or connected socket is bound to.
std::string bound_address(int fd);

// Accepts on one socket in bursts and hands each connection to its handler. Out of descriptors it pauses for
// `pause` instead of spinning, and says so. Loop thread only.
class Listener final : public Watcher, private Deadline::Owner {
 public:
  class Handler {
   public:
    // Asked before each; while false, connections wait in the kernel's queue and it is asked again each `pause`.
    virtual bool may_accept() { return true; }
    // Somebody is in the queue and may not be accepted now. True if a place comes free for it.
    virtual bool kept_waiting() { return false; }
    // The queue of that listener has not moved for `queue_patience`: to be told to go.
    virtual void turned_away(UniqueFd client, std::size_t) { client.reset(); }
    virtual void accepted(UniqueFd fd, const sockaddr_storage& peer, std::size_t listener) = 0;
    virtual void accept_paused(int os_error) = 0;

   protected:
    ~Handler() = default;
  };

  static constexpr std::chrono::milliseconds pause{100};
  static constexpr std::chrono::milliseconds queue_patience{2'000};
  static constexpr std::size_t turned_away_max = 64;  // at each look

  // `number` is for the handler to tell its listeners apart.
  Listener(Loop& loop, UniqueFd fd, Handler& handler, std::size_t number = 0);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Accepts what is queued (closing a SO_REUSEPORT socket resets it), then accepts no more.
  void close();
  int fd() const { return fd_.get(); }

 private:
  void on_events(std::uint32_t events) override;
  void deadline_passed(Deadline& deadline) override;
  void accept_burst();
  bool somebody_waits() const;
  void keep_waiting();

  Loop& loop_;
  UniqueFd fd_;
  Handler& handler_;
  std::size_t number_;
  Deadline resume_;
  std::optional<base::SteadyTime> stuck_since_;  // somebody waits and nobody was accepted since
};

}  // namespace drawbridge::net
