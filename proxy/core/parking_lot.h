#pragma once

#include "proxy/base/time.h"
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

// The requests of one site that wait on one worker, in the order in which they came; first come, first served, at
// the worker's share of hold.release_per_second. Who calls end() takes care that a request goes on. No clock of its
// own.
class ParkingLot {
 public:
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  class Waiter : public Hook {
   public:
    // It goes on; unlinked already.
    virtual void go_on(ParkEnd end) = 0;

   protected:
    ~Waiter() = default;

   private:
    friend class ParkingLot;
    bool released_ = false;  // to go on as soon as the pace allows
    base::SteadyTime since_;
  };

  // What was not used of the pace is kept for so long: a short queue goes at once.
  static constexpr base::Millis kept{64};

  void enter(Waiter& waiter, base::WallTime hold_since, double per_second, base::SteadyTime now);
  // Nothing if it does not wait any more.
  void end(Waiter& waiter, ParkEnd end, base::SteadyTime now);
  void overflow(base::WallTime hold_since) { ++of(hold_since).overflowed; }

  void waited_in_vain() { ++account_.waited_in_vain; }  // one that was released, and is refused by what follows

  // A snapshot was published: whom it does not park any more may go on. `still_parks` is asked for each.
  template <class StillParks>
  void review(StillParks&& still_parks) {
    for (auto& waiter : waiters_) waiter.released_ = !still_parks(waiter);
  }
  // Lets go who may, as far as the pace allows; true if more is due later.
  bool release_due(base::SteadyTime now);
  void end_all(ParkEnd end, base::SteadyTime now);

  std::uint64_t waiting() const { return waiters_.size(); }
  base::Millis oldest(base::SteadyTime now) const;
  const HoldAccount& account() const { return account_; }

 private:
  HoldAccount& of(base::WallTime hold_since);

  boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters_;
  double per_second_ = 0;
  double allowance_ = 0;  // releases that may happen now
  base::SteadyTime counted_at_;
  HoldAccount account_;
};

// When the hold that parks requests of a site began.
base::WallTime hold_since(const SiteView& site);

}  // namespace drawbridge::core
