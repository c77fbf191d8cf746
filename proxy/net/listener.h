#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/arrivals.h"
#include "proxy/net/loop.h"
#include "proxy/net/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <functional>
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
// The same form of an address as somebody wrote it; as it was if it is none.
std::string canonical_address(const std::string& address);
// Whether a client could mean both of two such addresses: then one is in the way of the other.
bool overlap(const std::string& one, const std::string& other);

// Accepts on one socket in bursts and hands each connection to its handler. Out of descriptors it pauses for
// `pause` instead of spinning, and says so. Loop thread only.
class Listener final : public Watcher, private Deadline::Owner {
 public:
  class Handler {
   public:
    // When to ask again, and who waits for too long: whoever came then or before.
    struct Patience {
      base::SteadyTime ask_again;
      base::SteadyTime too_long_since = base::SteadyTime::min();
    };
    // Asked before each, with the time when it came; while false, connections wait in the kernel's queue.
    virtual bool may_accept(std::size_t, base::SteadyTime) { return true; }
    // Those are in the queue, at least one, and the first may not be accepted now.
    virtual Patience kept_waiting(std::size_t, const Arrivals&) { return {.ask_again = base::SteadyTime::max()}; }
    // Nobody is any more.
    virtual void nobody_waits(std::size_t) {}
    // Has waited too long: to be told to go.
    virtual void turned_away(UniqueFd client, std::size_t) { client.reset(); }
    // `came`: when it began to wait, now if it did not.
    virtual void accepted(UniqueFd fd, const sockaddr_storage& peer, std::size_t listener,
                          base::SteadyTime came) = 0;
    virtual void accept_paused(int os_error) = 0;

   protected:
    ~Handler() = default;
  };

  static constexpr std::chrono::milliseconds pause{100};
  static constexpr std::size_t turned_away_max = 64;  // at each look

  // `number` is for the handler to tell its listeners apart.
  Listener(Loop& loop, UniqueFd fd, Handler& handler, std::size_t number = 0);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // May accept again: it is asked at once.
  void look();
  // Accepts what is queued (closing a SO_REUSEPORT socket resets it), then accepts no more.
  void close();
  int fd() const { return fd_.get(); }

 private:
  void on_events(std::uint32_t events) override;
  void deadline_passed(Deadline& deadline) override;
  void accept_burst();
  bool somebody_waits() const;
  std::size_t queue_length() const;
  void keep_waiting();
  void queue_ended();

  Loop& loop_;
  UniqueFd fd_;
  Handler& handler_;
  std::size_t number_;
  Deadline resume_;
  Arrivals arrivals_;  // of who may not be accepted
};

}  // namespace drawbridge::net
