#include "proxy/serve/shared_release.h"

#include <utility>

namespace drawbridge::serve {

void SharedRelease::attend(std::size_t worker, std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  release_.attend(worker, std::move(wake));
}

void SharedRelease::depart(std::size_t worker) {
  const std::lock_guard lock(mutex_);
  release_.depart(worker);
}

void SharedRelease::join(core::SiteId site, core::Turn& turn) {
  const std::lock_guard lock(mutex_);
  release_.join(site, turn);
}

void SharedRelease::leave(core::SiteId site, core::Turn& turn) {
  const std::lock_guard lock(mutex_);
  release_.leave(site, turn);
}

core::Turn* SharedRelease::take(core::SiteId site, std::size_t worker) {
  const std::lock_guard lock(mutex_);
  return release_.take(site, worker);
}

void SharedRelease::set_pace(core::SiteId site, double per_second) {
  const std::lock_guard lock(mutex_);
  release_.set_pace(site, per_second);
}

void SharedRelease::reviewed(std::size_t worker, std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  release_.reviewed(worker, epoch);
}

// Others are woken under the mutex: a worker that departs is not woken after that.
void SharedRelease::call_due(std::size_t caller, base::SteadyTime now) {
  const std::lock_guard lock(mutex_);
  release_.call_due(caller, now);
}

}  // namespace drawbridge::serve
