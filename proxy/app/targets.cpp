#include "proxy/app/targets.h"

namespace drawbridge::app {
namespace {

upstream::HealthPolicy policy_of(const config::Health& health, core::UpstreamProtocol protocol) {
  return {.active = health.active,
          .path = health.path,
          .http2 = protocol != core::UpstreamProtocol::http1,
          .grpc = health.grpc,
          .host = health.host,
          .interval = health.interval,
          .timeout = health.timeout,
          .rise = health.rise,
          .fall = health.fall,
          .passive_fall = health.passive_fall,
          .passive_pause = health.passive_pause};
}

}  // namespace

std::vector<upstream::Target> targets_of(const core::Snapshot& snapshot, const config::Config& config) {
  std::vector<upstream::Target> targets;
  for (const auto& pool : snapshot.pools) {
    const auto* configured = config.find_pool(pool->name);
    if (configured == nullptr) continue;
    for (const auto& server : pool->servers) {
      targets.push_back({.id = server.id,
                         .pool = pool->name,
                         .address = server.address,
                         .host = server.host,
                         .tls = pool->tls,
                         .send_proxy = pool->send_proxy,
                         .health = policy_of(configured->health, pool->protocol),
                         .resolve_interval = configured->resolve_interval,
                         .taken_out = server.admin != core::ServerAdmin::ready});
      if (server.admin == core::ServerAdmin::disabled) targets.back().health.active = false;
    }
  }
  return targets;
}

}  // namespace drawbridge::app
