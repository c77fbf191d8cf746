#pragma once

#include "proxy/core/release.h"

#include <atomic>
#include <functional>
#include <mutex>

namespace drawbridge::serve {

// The one core::Release of all workers. Any thread; nobody touches its mutex for a request until its hold is over.
class SharedRelease final : public core::ReleaseLine {
 public:
  core::Ticket ticket() { return tickets_.fetch_add(1, std::memory_order_relaxed); }

  void attend(std::size_t worker, std::function<void()> wake);
  void depart(std::size_t worker);
  void join(core::SiteId site, core::Turn& turn) override;
  void leave(core::SiteId site, core::Turn& turn) override;
  core::Turn* take(core::SiteId site, std::size_t worker) override;
  void set_pace(core::SiteId site, double per_second);
  void reviewed(std::size_t worker, std::uint64_t epoch);
  void call_due(std::size_t caller, base::SteadyTime now);

 private:
  std::atomic<core::Ticket> tickets_{1};
  std::mutex mutex_;
  core::Release release_;
};

}  // namespace drawbridge::serve
