#include "proxy/app/metrics.h"

#include "proxy/obs/process.h"

namespace drawbridge::app {
namespace {

void add_servers(const MetricsFacts& facts, const control::PoolStatus& pool, obs::Exposed& out) {
  for (const auto& server : pool.servers) {
    const auto health = facts.board.health(server.id);
    out.servers.push_back({.id = server.id,
                           .pool = pool.name,
                           .address = server.address,
                           .up = health.state != upstream::HealthState::down,
                           .admin = server.admin});
  }
}

}  // namespace

obs::Exposed expose_facts(const MetricsFacts& facts) {
  obs::Exposed out;
  out.totals = facts.registry.collect();
  out.epoch = facts.status.epoch;
  for (const auto& site : facts.status.sites) {
    auto& exposed = out.sites.emplace_back();
    exposed = {.id = site.id, .name = site.name, .mode = site.mode.mode, .pool = site.pool};
    exposed.parked = facts.parked.of(site.id);
    if (site.draining) exposed.draining = site.draining->open;
    if (site.cutover) exposed.cutover_stage = core::name(site.cutover->stage);
    if (site.last_cutover) exposed.cutover_outcome = core::name(*site.last_cutover);
    for (const auto& one : site.slices) {
      out.slices.push_back({.site = site.name,
                            .match = one.slice.match,
                            .pool = one.slice.pool,
                            .forwarded = facts.registry.forwarded_of_slice(one.id)});
    }
    const bool overdue = site.draining && site.draining->left.count() == 0;
    out.drains_outstanding += overdue ? 1 : 0;
  }
  for (const auto& pool : facts.status.pools) add_servers(facts, pool, out);
  for (const auto& one : facts.certificates) {
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(one.expires.time_since_epoch());
    out.certificates.push_back({one.listener, one.file, static_cast<double>(since.count())});
  }
  out.drains = facts.drains;
  out.access_log_lost = facts.access_log.lost_lines();
  out.access_log_failing = facts.access_log.facts().write_errno != 0;
  out.listening_sockets_kept = facts.sockets_kept;
  out.workers = facts.workers;
  out.client_connections_max = facts.client_connections_max;
  out.start_seconds = static_cast<double>(facts.started.wall.time_since_epoch().count()) / 1000.0;
  obs::measure_process(out);
  return out;
}

}  // namespace drawbridge::app
