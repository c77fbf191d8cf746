#include "proxy/net/arrivals.h"

namespace drawbridge::net {

// Fewer than there should be: what has left unseen was at the front.
void Arrivals::seen(std::size_t waiting, base::SteadyTime now) {
  while (count_ > waiting) take();
  const auto more = waiting - count_;
  if (more == 0) return;
  if (groups_.empty() || now - groups_.back().came >= together) groups_.push_back({.came = now});
  groups_.back().count += more;
  count_ = waiting;
}

std::optional<base::SteadyTime> Arrivals::take() {
  const auto came = first();
  if (!came) return came;
  --count_;
  if (--groups_.front().count == 0) groups_.pop_front();
  return came;
}

void Arrivals::clear() {
  groups_.clear();
  count_ = 0;
}

std::optional<base::SteadyTime> Arrivals::first() const {
  if (groups_.empty()) return std::nullopt;
  return groups_.front().came;
}

}  // namespace drawbridge::net
