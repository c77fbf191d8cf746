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

}  // namespace drawbridge::core
