#include "proxy/core/snapshot.h"

namespace drawbridge::core {

std::string_view name(ServerAdmin admin) {
  switch (admin) {
    case ServerAdmin::ready:
      return "ready";
    case ServerAdmin::drain:
      return "drain";
    case ServerAdmin::disabled:
      return "disabled";
  }
  return "unknown";
}

std::optional<ServerAdmin> parse_server_admin(std::string_view text) {
  for (const auto admin : {ServerAdmin::ready, ServerAdmin::drain, ServerAdmin::disabled}) {
    if (name(admin) == text) return admin;
  }
  return std::nullopt;
}

std::vector<const PoolView*> pools_in_use(const Snapshot& snapshot) {
  std::vector<const PoolView*> pools;
  for (const auto& site : snapshot.sites) {
    pools.push_back(site->pool);
    if (site->notice != nullptr) pools.push_back(site->notice);
    if (site->split) pools.insert(pools.end(), site->split->pools.begin(), site->split->pools.end());
  }
  return pools;
}

}  // namespace drawbridge::core
