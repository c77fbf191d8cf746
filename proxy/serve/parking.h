#pragma once

#include "proxy/base/time.h"
#include "proxy/core/parking_lot.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/serve/client_channel.h"

#include <coroutine>
#include <cstdint>
#include <map>

namespace drawbridge::serve {

// Where the requests of one worker wait for the end of a hold, in the order in which they came. They hold no
// admission: a parked request must not delay the drain that will release it. Nothing of their bodies is read.
class Parking final : private net::Deadline::Owner {
 public:
  using End = core::ParkEnd;

  // Whether a waiting request would wait under another snapshot too.
  class Parked {
   public:
    virtual bool still_parks(const core::Snapshot& snapshot) const = 0;

   protected:
    ~Parked() = default;
  };

  class Wait;

  Parking(net::Loop& loop, core::ParkedCounts& counts, std::size_t workers);
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // At most hold.max_wait from `since`; not beyond `until`, which the client has set.
  struct Patience {
    base::SteadyTime since;
    base::SteadyTime until = base::SteadyTime::max();
  };
  // Waits. `site` is only read during the call.
  Wait wait(const core::SiteView& site, ClientChannel& client, const Parked& parked, Patience patience);

  // A snapshot was published: what it does not park any more goes on, first come first served, at the worker's
  // share of the site's release_per_second.
  void review(const core::Snapshot& snapshot);
  // Shutdown: whoever waits or will wait goes on at once, to be refused.
  void close();

  // One that was released, and is refused by the mode that follows the hold.
  void waited_in_vain(core::SiteId site) { lots_[site].waited_in_vain(); }

  struct Load {
    std::uint64_t waiting = 0;
    base::Millis oldest{};
    core::HoldAccount account;  // of the last hold
  };
  Load load(core::SiteId site) const;

 private:
  friend class Wait;

  void deadline_passed(net::Deadline& deadline) override;

  net::Loop& loop_;
  core::ParkedCounts& counts_;
  std::size_t workers_;
  std::map<core::SiteId, core::ParkingLot> lots_;
  net::Deadline pace_;
  bool closed_ = false;
};

// The wait of one request: lives in the awaiting coroutine.
class [[nodiscard]] Parking::Wait final : private core::ParkingLot::Waiter,
                                          private net::Deadline::Owner,
                                          private net::Stream::Hangup {
 public:
  ~Wait();
  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiter);
  End await_resume() const { return end_; }

 private:
  friend class Parking;
  Wait(Parking& parking, const core::SiteView& site, ClientChannel& client, const Parked& parked,
       Patience patience);
  void go_on(End end) override;
  void end(End end);
  void deadline_passed(net::Deadline& deadline) override;
  void hung_up() override { end(End::client_gone); }

  Parking& parking_;
  ClientChannel& client_;
  const Parked& parked_;
  core::SiteId site_;
  core::HoldSpec spec_;
  base::WallTime hold_since_;
  Patience patience_;
  net::Deadline deadline_;
  std::coroutine_handle<> coroutine_;
  bool counted_ = false;
  End end_ = End::released;
};

}  // namespace drawbridge::serve
