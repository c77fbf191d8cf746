#pragma once

#include "proxy/base/time.h"
#include "proxy/core/release.h"
#include "proxy/core/snapshot.h"

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace drawbridge::core {

// How a wait for the end of a hold ends.
enum class ParkEnd : std::uint8_t {
  released,     // decide again
  overflow,     // hold.max_requests wait already
  wait_over,    // hold.max_wait has passed
  late,         // what the client itself wanted to wait has passed (gRPC)
  client_gone,  // the client has closed at least its half of the connection
  shutdown,
};

// How many requests of each site wait in all workers together: the bound of hold.max_requests counts the process.
// Any thread.
class ParkedCounts {
 public:
  ParkedCounts();
  // False, and not counted, if `requests_max` wait already.
  bool enter(SiteId site, std::uint32_t requests_max);
  void leave(SiteId site);
  std::uint32_t of(SiteId site) const;

 private:
  std::unique_ptr<std::atomic<std::uint32_t>[]> counts_;
};

// What one hold has come to so far.
struct HoldAccount {
  base::WallTime since{};  // of the hold: requests of an earlier one are not counted
  std::uint64_t held = 0;  // requests that waited or wait
  std::uint64_t overflowed = 0;
  std::uint64_t waited_in_vain = 0;  // for hold.max_wait, or until the process ended
  std::uint64_t left = 0;            // clients that went away, or did not want to wait longer
  base::Millis longest{};            // wait that is over

  HoldAccount& operator+=(const HoldAccount& other);  // of another worker; the later hold counts
};

// The requests of one site that wait on one worker. Those whose hold is over join the order of all workers, and go
// on when it calls them. Who calls end() takes care that a request goes on. No clock of its own.
class ParkingLot {
 public:
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  class Waiter : public Hook, public Turn {
   public:
    // It goes on, to be decided anew and then forgotten; unlinked already.
    virtual void go_on(ParkEnd end) = 0;

   protected:
    ~Waiter() = default;

   private:
    friend class ParkingLot;
    bool may_go_ = false;  // has joined the order
    base::SteadyTime since_;
  };

  // `line` outlives it.
  ParkingLot(ReleaseLine& line, SiteId site, std::size_t worker) : line_(line), site_(site), worker_(worker) {}

  // In the place of this ticket, which a request that waits anew keeps.
  void enter(Waiter& waiter, Ticket ticket, base::WallTime hold_since, base::SteadyTime now);
  // Nothing if it does not wait any more.
  void end(Waiter& waiter, ParkEnd end, base::SteadyTime now);
  // It has been decided anew, or is not there any more: who comes after it may be called.
  void forget(Waiter& waiter);
  void overflow(base::WallTime hold_since) { ++of(hold_since).overflowed; }

  void waited_in_vain() { ++account_.waited_in_vain; }  // one that was released, and is refused by what follows

  // A snapshot was published: whom it does not park any more may go on. `still_parks` is asked for each.
  template <class StillParks>
  void review(StillParks&& still_parks) {
    for (auto& waiter : waiters_) set_may_go(waiter, !still_parks(waiter));
  }
  // Lets go whom the order has called.
  void release_called(base::SteadyTime now);
  void end_all(ParkEnd end, base::SteadyTime now);

  bool empty() const { return waiters_.empty(); }
  std::uint64_t waiting() const { return waiters_.size(); }
  std::uint64_t to_be_called() const { return may_go_; }
  base::Millis oldest(base::SteadyTime now) const;
  const HoldAccount& account() const { return account_; }

 private:
  HoldAccount& of(base::WallTime hold_since);
  void set_may_go(Waiter& waiter, bool may_go);
  void leave_order(Waiter& waiter);

  ReleaseLine& line_;
  SiteId site_;
  std::size_t worker_;
  boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters_;
  std::uint64_t may_go_ = 0;  // of these
  HoldAccount account_;
};

// When the hold that parks requests of a site began.
base::WallTime hold_since(const SiteView& site);

}  // namespace drawbridge::core
