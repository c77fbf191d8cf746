#pragma once

#include "proxy/core/snapshot.h"
#include "proxy/serve/worker.h"

#include <memory>

namespace drawbridge::stage {

// Where a worker under test lives: what the workers of a process share, and what an operator may publish. Made
// once. One pool with one server; a site for each mode, by host:
//
//   a   live, or what the operator orders
//   r   readonly; GET /logout is a write
//   m   maintenance
//   h   hold, scope all, until the operator orders anything; then live
class House {
 public:
  static constexpr core::SiteId site_a = 0;
  static constexpr core::SiteId site_h = 3;
  static constexpr core::ServerId server = 0;

  House();

  serve::Shared& shared() { return shared_; }
  // What the counters say is in flight, after the end of all workers: nothing, if they are right. Slow.
  std::uint64_t in_flight() const;
  const core::Snapshot& live() const { return *live_; }
  const core::Snapshot& after(core::Mode mode_of_a) const {
    return mode_of_a == core::Mode::readonly ? *readonly_ : *maintenance_;
  }

 private:
  upstream::HealthBoard board_;
  obs::Registry registry_{1};
  base::EventLog events_{false};
  std::unique_ptr<obs::AccessLog> access_log_;
  serve::Shared shared_;
  std::unique_ptr<core::Snapshot> live_, readonly_, maintenance_;
};

}  // namespace drawbridge::stage
