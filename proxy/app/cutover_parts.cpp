#include "proxy/app/cutover_parts.h"

#include <utility>

namespace drawbridge::app {

void probe_servers(upstream::ServerWatch& watch, const std::vector<core::ServerId>& servers,
                   const std::string& path,
                   std::function<void(std::vector<control::Controller::Parts::Found>)> done) {
  const auto tell = [done = std::move(done)](const std::vector<upstream::ProbeResult>& results) {
    std::vector<control::Controller::Parts::Found> found;
    for (const auto& one : results) found.push_back({one.server, one.healthy, one.reason});
    done(std::move(found));
  };
  watch.check_now(servers, tell, path);
}

control::Cutovers::Served served_of(const obs::Registry& registry, core::SiteId site) {
  return {.writes = registry.writes_of(site),
          .last_write = registry.last_write_of(site),
          .first_write = registry.first_write_of(site)};
}

core::WatchSample answered_by(const obs::Registry& registry, core::PoolId pool) {
  const auto answers = registry.answers_of(pool);
  return {.requests = answers.requests, .errors = answers.errors};
}

std::uint64_t slice_writes_of(const obs::Registry& registry, core::SliceId slice) {
  const auto counts = registry.forwarded_of_slice(slice);
  return counts[core::RequestClass::write] + counts[core::RequestClass::tunnel];
}

}  // namespace drawbridge::app
