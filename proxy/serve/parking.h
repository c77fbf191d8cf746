#pragma once

#include "proxy/base/time.h"
#include "proxy/core/parking_lot.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/shared_release.h"

#include <coroutine>
#include <cstdint>
#include <map>

namespace drawbridge::serve {

// Where the requests of one worker wait for the end of a hold. They hold no admission: a parked request must not
// delay the drain that will release it. Nothing of their bodies is read. They go on in one order with those of all
// workers.
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

  Parking(net::Loop& loop, core::ParkedCounts& counts, SharedRelease& release, std::size_t worker);
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // One request, however often it waits: at most hold.max_wait from `since`, not beyond `until`, which the client
  // has set; in the place that it took when it came.
  struct Arrival {
    base::SteadyTime since;
    base::SteadyTime until;
    core::Ticket ticket;
  };
  Arrival arrival(base::SteadyTime until) { return {loop_.now(), until, release_.ticket()}; }
  // Waits. `site` is only read during the call. The Wait is to be destroyed as soon as the request has been decided
  // anew: until then nobody who came later is let go.
  Wait wait(const core::SiteView& site, ClientChannel& client, const Parked& parked, Arrival arrival);

  // A snapshot was published: what it does not park any more goes on as soon as it is called, which is not before
  // all workers have reviewed theirs.
  void review(const core::Snapshot& snapshot);
  // Shutdown: whoever waits or will wait goes on at once, to be refused.
  void close();

  // One that was released, and is refused by the mode that follows the hold.
  void waited_in_vain(core::SiteId site) { lot(site).waited_in_vain(); }

  struct Load {
    std::uint64_t waiting = 0;
    base::Millis oldest{};
    core::HoldAccount account;  // of the last hold
  };
  Load load(core::SiteId site) const;

 private:
  friend class Wait;

  void deadline_passed(net::Deadline& deadline) override;
  void call_and_let_go();
  core::ParkingLot& lot(core::SiteId site);

  net::Loop& loop_;
  core::ParkedCounts& counts_;
  SharedRelease& release_;
  std::size_t worker_;
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
  Wait(Parking& parking, const core::SiteView& site, ClientChannel& client, const Parked& parked, Arrival arrival);
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
  Arrival arrival_;
  net::Deadline deadline_;
  std::coroutine_handle<> coroutine_;
  bool counted_ = false;
  End end_ = End::released;
};

}  // namespace drawbridge::serve
