#pragma once

#include "proxy/base/time.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/serve/client_channel.h"

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <map>
#include <memory>

namespace drawbridge::serve {

// How many requests of each site wait in all workers together: the bound of hold.max_requests counts the process.
class ParkedCounts {
 public:
  ParkedCounts();
  // False, and not counted, if `requests_max` wait already. Any thread.
  bool enter(core::SiteId site, std::uint32_t requests_max);
  void leave(core::SiteId site);
  std::uint32_t of(core::SiteId site) const;

 private:
  std::unique_ptr<std::atomic<std::uint32_t>[]> counts_;
};

// Where the requests of one worker wait for the end of a hold, in the order in which they came. They hold no
// admission: a parked request must not delay the drain that will release it. Nothing of their bodies is read.
class Parking final : private net::Deadline::Owner {
 public:
  enum class End : std::uint8_t {
    released,     // decide again
    overflow,     // hold.max_requests wait already
    wait_over,    // hold.max_wait has passed
    client_gone,  // the client has closed at least its half of the connection
    shutdown,
  };

  // Whether a waiting request would wait under another snapshot too.
  class Parked {
   public:
    virtual bool still_parks(const core::Snapshot& snapshot) const = 0;

   protected:
    ~Parked() = default;
  };

  class Wait;

  Parking(net::Loop& loop, ParkedCounts& counts, std::size_t workers);
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // Waits. `site` is only read during the call.
  Wait wait(const core::SiteView& site, ClientChannel& client, const Parked& parked);

  // A snapshot was published: what it does not park any more goes on, first come first served, at the worker's
  // share of the site's release_per_second.
  void review(const core::Snapshot& snapshot);
  // Shutdown: whoever waits or will wait goes on at once, to be refused.
  void close();

  struct Load {
    std::uint64_t waiting = 0;
    base::Millis oldest{};
  };
  Load load(core::SiteId site) const;

 private:
  friend class Wait;
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Waiter : Hook {
    virtual void deny(End end) = 0;
    bool released = false;  // to go on as soon as the pace allows
    base::SteadyTime since;
    const Parked* parked = nullptr;

   protected:
    ~Waiter() = default;
  };
  struct Lot {
    boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters;
    double per_second = 0;  // this worker's share
    double allowance = 0;   // releases that may happen now
    base::SteadyTime counted_at;
  };

  void deadline_passed(net::Deadline& deadline) override;
  bool release_due(Lot& lot);

  net::Loop& loop_;
  ParkedCounts& counts_;
  std::size_t workers_;
  std::map<core::SiteId, Lot> lots_;
  net::Deadline pace_;
  bool closed_ = false;
};

// The wait of one request: lives in the awaiting coroutine.
class [[nodiscard]] Parking::Wait final : private Waiter,
                                          private net::Deadline::Owner,
                                          private net::Stream::Hangup {
 public:
  ~Wait();
  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiter);
  End await_resume() const { return end_; }

 private:
  friend class Parking;
  Wait(Parking& parking, const core::SiteView& site, ClientChannel& client, const Parked& parked);
  void deny(End end) override;
  void deadline_passed(net::Deadline&) override { deny(End::wait_over); }
  void hung_up() override { deny(End::client_gone); }

  Parking& parking_;
  ClientChannel& client_;
  core::SiteId site_;
  core::HoldSpec spec_;
  net::Deadline deadline_;
  std::coroutine_handle<> coroutine_;
  bool counted_ = false;
  End end_ = End::released;
};

}  // namespace drawbridge::serve
