#include "proxy/serve/parking.h"

#include <algorithm>

namespace drawbridge::serve {

static_assert(core::ReleaseOrder::kept == 2 * net::Wheel::tick, "the pace is looked at once a tick");

Parking::Parking(net::Loop& loop, core::ParkedCounts& counts, SharedRelease& release, std::size_t worker)
    : loop_(loop), counts_(counts), release_(release), worker_(worker), pace_(loop.wheel(), *this) {
  release_.attend(worker_, [this] { loop_.post([this] { call_and_let_go(); }); });
}

Parking::~Parking() {
  release_.depart(worker_);
}

Parking::Wait Parking::wait(const core::SiteView& site, ClientChannel& client, const Parked& parked,
                            Arrival arrival) {
  return {*this, site, client, parked, arrival};
}

core::ParkingLot& Parking::lot(core::SiteId site) {
  return lots_.try_emplace(site, release_, site, worker_).first->second;
}

void Parking::review(const core::Snapshot& snapshot) {
  for (auto& [id, lot] : lots_) {
    if (lot.empty()) continue;
    lot.review(
        [&](core::ParkingLot::Waiter& waiter) { return static_cast<Wait&>(waiter).parked_.still_parks(snapshot); });
    const auto site = std::ranges::find(snapshot.sites, id, [](const auto& view) { return view->id; });
    if (site != snapshot.sites.end()) release_.set_pace(id, (*site)->hold.release_per_second);
  }
  release_.reviewed(worker_, snapshot.epoch);
  call_and_let_go();
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
  call_and_let_go();
}

// Any worker calls for all: one that holds most of the waiting needs no other to be awake.
void Parking::call_and_let_go() {
  release_.call_due(worker_, loop_.now());
  bool more = false;
  for (auto& [site, lot] : lots_) {
    lot.release_called(loop_.now());
    more = more || lot.to_be_called() > 0;
  }
  if (more) pace_.arm(loop_.now() + net::Wheel::tick);
}

Parking::Wait::Wait(Parking& parking, const core::SiteView& site, ClientChannel& client, const Parked& parked,
                    Arrival arrival)
    : parking_(parking),
      client_(client),
      parked_(parked),
      site_(site.id),
      spec_(site.hold),
      hold_since_(core::hold_since(site)),
      arrival_(arrival),
      deadline_(parking.loop_.wheel(), *this) {}

Parking::Wait::~Wait() {
  if (coroutine_) parking_.lot(site_).forget(*this);
  if (counted_) parking_.counts_.leave(site_);
}

bool Parking::Wait::await_ready() {
  if (parking_.closed_) {
    end_ = End::shutdown;
    return true;
  }
  counted_ = parking_.counts_.enter(site_, spec_.requests_max);
  if (counted_) return false;
  parking_.lot(site_).overflow(hold_since_);
  end_ = End::overflow;
  return true;
}

void Parking::Wait::await_suspend(std::coroutine_handle<> waiter) {
  coroutine_ = waiter;
  deadline_.arm(std::min(arrival_.since + spec_.wait_max, arrival_.until));
  parking_.lot(site_).enter(*this, arrival_.ticket, hold_since_, parking_.loop_.now());
  client_.on_hangup(this);
}

void Parking::Wait::deadline_passed(net::Deadline&) {
  end(arrival_.until <= arrival_.since + spec_.wait_max ? End::late : End::wait_over);
}

void Parking::Wait::end(End end) {
  parking_.lot(site_).end(*this, end, parking_.loop_.now());
}

void Parking::Wait::go_on(End end) {
  deadline_.disarm();
  client_.on_hangup(nullptr);
  end_ = end;
  parking_.loop_.ready(coroutine_);
}

}  // namespace drawbridge::serve
