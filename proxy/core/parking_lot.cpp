#include "proxy/core/parking_lot.h"

#include "proxy/base/limits.h"

#include <algorithm>
#include <utility>

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

void ParkingLot::enter(Waiter& waiter, Ticket ticket, base::WallTime hold_since, base::SteadyTime now) {
  ++of(hold_since).held;
  waiter.stand_at(ticket, worker_);
  waiter.since_ = now;
  waiters_.push_back(waiter);
}

void ParkingLot::end(Waiter& waiter, ParkEnd end, base::SteadyTime now) {
  if (!waiter.is_linked()) return;
  waiter.unlink();
  if (waiter.may_go_) --may_go_;
  if (end != ParkEnd::released) leave_order(waiter);
  account_.longest = std::max(account_.longest, std::chrono::duration_cast<base::Millis>(now - waiter.since_));
  account_.left += end == ParkEnd::client_gone || end == ParkEnd::late ? 1 : 0;
  account_.waited_in_vain += end == ParkEnd::wait_over || end == ParkEnd::shutdown ? 1 : 0;
  waiter.go_on(end);
}

void ParkingLot::forget(Waiter& waiter) {
  if (waiter.is_linked()) {
    waiter.unlink();
    if (waiter.may_go_) --may_go_;
  }
  leave_order(waiter);
}

void ParkingLot::leave_order(Waiter& waiter) {
  if (std::exchange(waiter.may_go_, false)) line_.leave(site_, waiter);
}

void ParkingLot::set_may_go(Waiter& waiter, bool may_go) {
  if (waiter.may_go_ == may_go) return;
  if (!may_go) {
    --may_go_;
    return leave_order(waiter);
  }
  ++may_go_;
  waiter.may_go_ = true;
  line_.join(site_, waiter);
}

void ParkingLot::release_called(base::SteadyTime now) {
  while (auto* turn = line_.take(site_, worker_)) end(static_cast<Waiter&>(*turn), ParkEnd::released, now);
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
