#include "proxy/core/parking_lot.h"

#include "proxy/base/limits.h"

#include <algorithm>

namespace drawbridge::core {

ParkedCounts::ParkedCounts() : counts_(new std::atomic<std::uint32_t>[base::limits::sites_max] {}) {}

bool ParkedCounts::enter(SiteId site, std::uint32_t requests_max) {
  if (counts_[site].fetch_add(1, std::memory_order_relaxed) < requests_max) return true;
  leave(site);
  return false;
}

void ParkedCounts::leave(SiteId site) {
  counts_[site].fetch_sub(1, std::memory_order_relaxed);
}

std::uint32_t ParkedCounts::of(SiteId site) const {
  return counts_[site].load(std::memory_order_relaxed);
}

HoldAccount& HoldAccount::operator+=(const HoldAccount& other) {
  if (other.since < since) return *this;
  if (other.since > since) return *this = other;
  held += other.held;
  overflowed += other.overflowed;
  waited_in_vain += other.waited_in_vain;
  left += other.left;
  longest = std::max(longest, other.longest);
  return *this;
}

HoldAccount& ParkingLot::of(base::WallTime hold_since) {
  if (account_.since != hold_since) account_ = {.since = hold_since, .held = waiters_.size()};
  return account_;
}

void ParkingLot::enter(Waiter& waiter, base::WallTime hold_since, double per_second, base::SteadyTime now) {
  ++of(hold_since).held;
  per_second_ = per_second;
  waiter.released_ = false;
  waiter.since_ = now;
  waiters_.push_back(waiter);
}

void ParkingLot::end(Waiter& waiter, ParkEnd end, base::SteadyTime now) {
  if (!waiter.is_linked()) return;
  waiter.unlink();
  account_.longest = std::max(account_.longest, std::chrono::duration_cast<base::Millis>(now - waiter.since_));
  account_.left += end == ParkEnd::client_gone || end == ParkEnd::late ? 1 : 0;
  account_.waited_in_vain += end == ParkEnd::wait_over || end == ParkEnd::shutdown ? 1 : 0;
  waiter.go_on(end);
}

// The pace is lower by what may have been kept, so that no second sees more than the configured number.
bool ParkingLot::release_due(base::SteadyTime now) {
  constexpr double kept_seconds = std::chrono::duration<double>(kept).count();
  const std::chrono::duration<double> passed = now - counted_at_;
  counted_at_ = now;
  const auto earned = passed.count() * per_second_ * (1 - kept_seconds);
  allowance_ = std::min(allowance_ + earned, std::max(1.0, per_second_ * kept_seconds));
  auto at = waiters_.begin();
  while (at != waiters_.end()) {
    auto& waiter = *at++;
    if (!waiter.released_) continue;
    if (allowance_ < 1) return true;
    allowance_ -= 1;
    end(waiter, ParkEnd::released, now);
  }
  return false;
}

void ParkingLot::end_all(ParkEnd why, base::SteadyTime now) {
  while (!waiters_.empty()) end(waiters_.front(), why, now);
}

base::Millis ParkingLot::oldest(base::SteadyTime now) const {
  if (waiters_.empty()) return {};
  return std::chrono::duration_cast<base::Millis>(now - waiters_.front().since_);
}

base::WallTime hold_since(const SiteView& site) {
  return site.split && site.split->move ? site.split->move->hold.since : site.mode.since;
}

}  // namespace drawbridge::core
