#include "proxy/serve/parking.h"

#include <algorithm>

namespace drawbridge::serve {

static_assert(core::ParkingLot::kept == 2 * net::Wheel::tick, "the pace is looked at once a tick");

Parking::Parking(net::Loop& loop, core::ParkedCounts& counts, std::size_t workers)
    : loop_(loop), counts_(counts), workers_(workers), pace_(loop.wheel(), *this) {}

Parking::~Parking() = default;

Parking::Wait Parking::wait(const core::SiteView& site, ClientChannel& client, const Parked& parked,
                            Patience patience) {
  return {*this, site, client, parked, patience};
}

void Parking::review(const core::Snapshot& snapshot) {
  for (auto& [site, lot] : lots_) {
    lot.review(
        [&](core::ParkingLot::Waiter& waiter) { return static_cast<Wait&>(waiter).parked_.still_parks(snapshot); });
  }
  deadline_passed(pace_);
}

void Parking::close() {
  closed_ = true;
  for (auto& [site, lot] : lots_) lot.end_all(End::shutdown, loop_.now());
}

Parking::Load Parking::load(core::SiteId site) const {
  const auto found = lots_.find(site);
  if (found == lots_.end()) return {};
  const auto& lot = found->second;
  return {.waiting = lot.waiting(), .oldest = lot.oldest(loop_.now()), .account = lot.account()};
}

void Parking::deadline_passed(net::Deadline&) {
  bool more = false;
  for (auto& [site, lot] : lots_) more = lot.release_due(loop_.now()) || more;
  if (more) pace_.arm(loop_.now() + net::Wheel::tick);
}

Parking::Wait::Wait(Parking& parking, const core::SiteView& site, ClientChannel& client, const Parked& parked,
                    Patience patience)
    : parking_(parking),
      client_(client),
      parked_(parked),
      site_(site.id),
      spec_(site.hold),
      hold_since_(core::hold_since(site)),
      patience_(patience),
      deadline_(parking.loop_.wheel(), *this) {}

Parking::Wait::~Wait() {
  if (counted_) parking_.counts_.leave(site_);
}

bool Parking::Wait::await_ready() {
  if (parking_.closed_) {
    end_ = End::shutdown;
    return true;
  }
  counted_ = parking_.counts_.enter(site_, spec_.requests_max);
  if (counted_) return false;
  parking_.lots_[site_].overflow(hold_since_);
  end_ = End::overflow;
  return true;
}

void Parking::Wait::await_suspend(std::coroutine_handle<> waiter) {
  coroutine_ = waiter;
  deadline_.arm(std::min(patience_.since + spec_.wait_max, patience_.until));
  const auto per_second = static_cast<double>(spec_.release_per_second) / static_cast<double>(parking_.workers_);
  parking_.lots_[site_].enter(*this, hold_since_, per_second, parking_.loop_.now());
  client_.on_hangup(this);
}

void Parking::Wait::deadline_passed(net::Deadline&) {
  end(patience_.until <= patience_.since + spec_.wait_max ? End::late : End::wait_over);
}

void Parking::Wait::end(End end) {
  parking_.lots_[site_].end(*this, end, parking_.loop_.now());
}

void Parking::Wait::go_on(End end) {
  deadline_.disarm();
  client_.on_hangup(nullptr);
  end_ = end;
  parking_.loop_.ready(coroutine_);
}

}  // namespace drawbridge::serve
