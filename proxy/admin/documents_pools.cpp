#include "proxy/admin/documents.h"

#include <boost/json/array.hpp>

namespace drawbridge::admin {

namespace json = boost::json;

namespace {

std::string_view balance_name(core::Balance balance) {
  return balance == core::Balance::round_robin ? "round_robin" : "least_requests";
}

void put_if(json::object& object, std::string_view key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

// Left out where the last request was answered.
void put_broken(json::object& object, const upstream::Broken& broken) {
  if (broken.count == 0) return;
  object["broken"] = {
      {"count", broken.count}, {"last", base::name(broken.last)}, {"last_ago_ms", broken.last_ago.count()}};
}

json::object server_document(const core::PoolServer& server, const upstream::ServerHealth& health,
                             const ServerLoad& load) {
  json::object object{{"address", server.address},
                      {"weight", server.weight},
                      {"admin", core::name(server.admin)},
                      {"in_flight", load.contains(server.id) ? load.at(server.id) : 0},
                      {"health", upstream::name(health.state)}};
  put_if(object, "health_reason", health.reason);
  if (health.since != base::WallTime{}) object["health_since"] = base::format_time(health.since);
  put_broken(object, health.broken);
  json::array endpoints;
  for (const auto& endpoint : health.endpoints) {
    json::object entry{{"address", endpoint.endpoint.text()}, {"health", upstream::name(endpoint.state)}};
    put_if(entry, "health_reason", endpoint.reason);
    put_broken(entry, endpoint.broken);
    endpoints.push_back(std::move(entry));
  }
  const bool is_itself = endpoints.size() == 1 && health.endpoints[0].endpoint.text() == server.address;
  if (!is_itself) object["endpoints"] = std::move(endpoints);
  return object;
}

}  // namespace

json::object pool_document(const control::PoolStatus& pool, const Api& api, const ServerLoad& load) {
  json::array servers;
  for (const auto& server : pool.servers) servers.push_back(server_document(server, api.health(server.id), load));
  return {{"pool", pool.name},
          {"balance", balance_name(pool.balance)},
          {"speaks", pool.speaks},
          {"sites", json::array(pool.sites.begin(), pool.sites.end())},
          {"servers", std::move(servers)}};
}

json::object pools_document(const control::Status& status, const Api& api) {
  json::array pools;
  const auto load = api.server_load();
  for (const auto& pool : status.pools) pools.push_back(pool_document(pool, api, load));
  return {{"epoch", status.epoch}, {"pools", std::move(pools)}};
}

}  // namespace drawbridge::admin
