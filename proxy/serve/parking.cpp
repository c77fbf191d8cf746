#include "proxy/serve/parking.h"

#include "proxy/base/limits.h"

#include <algorithm>
#include <atomic>

namespace drawbridge::serve {

ParkedCounts::ParkedCounts() : counts_(new std::atomic<std::uint32_t>[base::limits::sites_max] {}) {}

bool ParkedCounts::enter(core::SiteId site, std::uint32_t requests_max) {
  if (counts_[site].fetch_add(1, std::memory_order_relaxed) < requests_max) return true;
  leave(site);
  return false;
}

void ParkedCounts::leave(core::SiteId site) {
  counts_[site].fetch_sub(1, std::memory_order_relaxed);
}

std::uint32_t ParkedCounts::of(core::SiteId site) const {
  return counts_[site].load(std::memory_order_relaxed);
}

Parking::Parking(net::Loop& loop, ParkedCounts& counts, std::size_t workers)
    : loop_(loop), counts_(counts), workers_(workers), pace_(loop.wheel(), *this) {}

Parking::~Parking() = default;

Parking::Wait Parking::wait(const core::SiteView& site, ClientChannel& client, const Parked& parked) {
  return {*this, site, client, parked};
}

void Parking::review(const core::Snapshot& snapshot) {
  for (auto& [site, lot] : lots_) {
    for (auto& waiter : lot.waiters) waiter.released = !waiter.parked->still_parks(snapshot);
  }
  deadline_passed(pace_);
}

void Parking::close() {
  closed_ = true;
  for (auto& [site, lot] : lots_) {
    while (!lot.waiters.empty()) lot.waiters.front().deny(End::shutdown);
  }
}

Parking::Load Parking::load(core::SiteId site) const {
  const auto found = lots_.find(site);
  if (found == lots_.end() || found->second.waiters.empty()) return {};
  const auto& waiters = found->second.waiters;
  return {.waiting = waiters.size(),
          .oldest = std::chrono::duration_cast<base::Millis>(loop_.now() - waiters.front().since)};
}

// True if more of this lot is due later. What was not used is kept for two ticks at most, and the pace is lower by
// as much: a short queue goes at once, and no second sees more than the configured number.
bool Parking::release_due(Lot& lot) {
  constexpr double kept_seconds = 2 * std::chrono::duration<double>(net::Wheel::tick).count();
  const std::chrono::duration<double> passed = loop_.now() - lot.counted_at;
  lot.counted_at = loop_.now();
  const auto earned = passed.count() * lot.per_second * (1 - kept_seconds);
  lot.allowance = std::min(lot.allowance + earned, std::max(1.0, lot.per_second * kept_seconds));
  auto at = lot.waiters.begin();
  while (at != lot.waiters.end()) {
    auto& waiter = *at++;
    if (!waiter.released) continue;
    if (lot.allowance < 1) return true;
    lot.allowance -= 1;
    waiter.deny(End::released);
  }
  return false;
}

void Parking::deadline_passed(net::Deadline&) {
  bool more = false;
  for (auto& [site, lot] : lots_) more = release_due(lot) || more;
  if (more) pace_.arm(loop_.now() + net::Wheel::tick);
}

Parking::Wait::Wait(Parking& parking, const core::SiteView& site, ClientChannel& client, const Parked& parked)
    : parking_(parking),
      client_(client),
      site_(site.id),
      spec_(site.hold),
      deadline_(parking.loop_.wheel(), *this) {
  Waiter::parked = &parked;
}

Parking::Wait::~Wait() {
  if (counted_) parking_.counts_.leave(site_);
}

bool Parking::Wait::await_ready() {
  if (parking_.closed_) {
    end_ = End::shutdown;
    return true;
  }
  counted_ = parking_.counts_.enter(site_, spec_.requests_max);
  if (!counted_) end_ = End::overflow;
  return !counted_;
}

void Parking::Wait::await_suspend(std::coroutine_handle<> waiter) {
  coroutine_ = waiter;
  since = parking_.loop_.now();
  deadline_.arm(since + spec_.wait_max);
  auto& lot = parking_.lots_[site_];
  lot.per_second = static_cast<double>(spec_.release_per_second) / static_cast<double>(parking_.workers_);
  lot.waiters.push_back(*this);
  client_.on_hangup(this);
}

void Parking::Wait::deny(End end) {
  if (!is_linked()) return;
  unlink();
  deadline_.disarm();
  client_.on_hangup(nullptr);
  end_ = end;
  parking_.loop_.ready(coroutine_);
}

}  // namespace drawbridge::serve
