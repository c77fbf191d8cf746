#include "proxy/app/data_path.h"

#include <utility>

namespace drawbridge::app {

void DataPath::publish(const core::Snapshot* snapshot) {
  workers_.publish(snapshot);
}

void DataPath::fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread,
                     DrainEvents events) {
  const auto start = base::SteadyClock::now();
  const bool waits = scope.classes.bits != 0;
  auto drained = [this, start, waits, told = std::move(events.drained)](const core::ClassCounts& ended) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(base::SteadyClock::now() - start);
    if (waits) drain_durations_.observe(took);
    if (told) told(ended);
  };
  workers_.fence(drain_id, std::move(scope), tunnel_spread,
                 {.earlier = std::move(events.earlier),
                  .fenced = std::move(events.fenced),
                  .unknown = std::move(events.unknown),
                  .drained = std::move(drained)});
}

void DataPath::list_open(std::uint64_t drain_id, Listing done) {
  workers_.list_open(drain_id, std::move(done));
}

void DataPath::cut(std::uint64_t drain_id, bool tunnels_only, Listing done) {
  workers_.cut(drain_id, tunnels_only, std::move(done));
}

void DataPath::forget(std::uint64_t drain_id) {
  workers_.forget(drain_id);
}

void DataPath::load(std::vector<core::SiteId> sites, std::function<void(std::vector<SiteLoad>)> done) {
  workers_.load(std::move(sites), [done = std::move(done)](std::vector<serve::WorkerGroup::SiteLoad> loads) {
    std::vector<SiteLoad> out;
    for (auto& load : loads) {
      out.push_back({.site = load.site,
                     .in_flight = load.in_flight,
                     .parked = load.parked,
                     .oldest_parked = load.oldest_parked,
                     .hold = load.hold,
                     .oldest_writes = std::move(load.oldest_writes),
                     .unknown_writes = std::move(load.unknown_writes)});
    }
    done(std::move(out));
  });
}

void DataPath::on_unused(std::function<void(std::uint64_t epoch)> listener) {
  workers_.on_unused(std::move(listener));
}

}  // namespace drawbridge::app
