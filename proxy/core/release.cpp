#include "proxy/core/release.h"

#include <algorithm>
#include <utility>

namespace drawbridge::core {
namespace {

constexpr double kept_seconds = std::chrono::duration<double>(ReleaseOrder::kept).count();

// One more than what is kept: what is earned between two looks is not lost at a slow pace.
double allowance_max(double per_second) {
  return 1 + per_second * kept_seconds;
}

}  // namespace

std::size_t ReleaseOrder::together_max(double per_second) {
  return static_cast<std::size_t>(allowance_max(per_second));
}

void ReleaseOrder::join(Turn& turn) {
  turn.state_ = Turn::State::waits;
  waiting_.insert(waiting_.end(), turn);  // most workers' requests came later than those that are there
}

void ReleaseOrder::leave(Turn& turn) {
  switch (std::exchange(turn.state_, Turn::State::out)) {
    case Turn::State::out:
      return;
    case Turn::State::waits:
      waiting_.erase(waiting_.iterator_to(turn));
      return;
    case Turn::State::called: {
      auto& called = called_of(turn.worker_);
      called.erase(called.iterator_to(turn));
      --not_yet_decided_;
      return;
    }
    case Turn::State::goes:
      --not_yet_decided_;
      return;
  }
}

// The pace is lower by what may have been kept, so that no second sees more than the configured number. Workers'
// clocks are those of their turns: what one that is a little behind takes away the next one earns anew.
void ReleaseOrder::earn(base::SteadyTime now) {
  const std::chrono::duration<double> passed = now - counted_at_;
  counted_at_ = now;
  const auto earned = passed.count() * per_second_ * (1 - kept_seconds);
  allowance_ = std::min(allowance_ + earned, allowance_max(per_second_));
}

void ReleaseOrder::call_due(base::SteadyTime now, std::vector<bool>& called_workers) {
  if (waiting_.empty() || not_yet_decided_ > 0) return;
  earn(now);
  while (!waiting_.empty() && allowance_ >= 1) {
    auto& turn = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    turn.state_ = Turn::State::called;
    called_of(turn.worker_).push_back(turn);
    called_workers[turn.worker_] = true;
    allowance_ -= 1;
    ++not_yet_decided_;
  }
}

Turn* ReleaseOrder::take(std::size_t worker) {
  auto& called = called_of(worker);
  if (called.empty()) return nullptr;
  auto& turn = called.front();
  called.pop_front();
  turn.state_ = Turn::State::goes;
  return &turn;
}

ReleaseOrder::Called& ReleaseOrder::called_of(std::size_t worker) {
  if (called_.size() <= worker) called_.resize(worker + 1);
  return called_[worker];
}

void Release::attend(std::size_t worker, std::function<void()> wake) {
  if (attendants_.size() <= worker) attendants_.resize(worker + 1);
  attendants_[worker] = {.wake = std::move(wake)};
}

Turn* Release::take(SiteId site, std::size_t worker) {
  const auto found = orders_.find(site);
  return found == orders_.end() ? nullptr : found->second.take(worker);
}

bool Release::agree() const {
  std::uint64_t lowest = UINT64_MAX, highest = 0;
  for (const auto& attendant : attendants_) {
    if (!attendant.wake) continue;
    lowest = std::min(lowest, attendant.epoch);
    highest = std::max(highest, attendant.epoch);
  }
  return lowest >= highest;
}

void Release::call_due(std::size_t caller, base::SteadyTime now) {
  if (orders_.empty() || !agree()) return;
  called_workers_.assign(attendants_.size(), false);
  for (auto& [site, order] : orders_) order.call_due(now, called_workers_);
  for (std::size_t worker = 0; worker < attendants_.size(); ++worker) {
    if (called_workers_[worker] && worker != caller) attendants_[worker].wake();
  }
}

}  // namespace drawbridge::core
