#pragma once

#include "proxy/control/workers.h"
#include "proxy/obs/histogram.h"
#include "proxy/serve/worker_group.h"

#include <functional>
#include <vector>

namespace drawbridge::app {

// The worker threads as control/ wants to see them. Control thread only.
class DataPath final : public control::Workers {
 public:
  explicit DataPath(serve::WorkerGroup& workers) : workers_(workers) {}

  void publish(const core::Snapshot* snapshot) override;
  void fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread,
             DrainEvents events) override;
  void list_open(std::uint64_t drain_id, Listing done) override;
  void cut(std::uint64_t drain_id, bool tunnels_only, Listing done) override;
  void forget(std::uint64_t drain_id) override;
  void load(std::vector<core::SiteId> sites, std::function<void(std::vector<SiteLoad>)> done) override;
  void on_unused(std::function<void(std::uint64_t epoch)> listener) override;

  // How long drains took that had something to wait for.
  const obs::HistogramValue& drain_durations() const { return drain_durations_; }

 private:
  serve::WorkerGroup& workers_;
  obs::HistogramValue drain_durations_;
};

}  // namespace drawbridge::app
