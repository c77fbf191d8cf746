#include "config/restart.h"

namespace drawbridge::config {
namespace {

// Of each listener all that does not follow a reload.
std::vector<Listener> doors(const Config& config) {
  auto all = config.listeners;
  for (auto& listener : all) listener.tls = {};
  return all;
}

}  // namespace

std::vector<std::string> needs_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  const auto compare = [&keys](const char* key, const auto& before, const auto& after) {
    if (!(before == after)) keys.emplace_back(key);
  };
  const Server& before = running.server;
  const Server& after = wanted.server;
  compare("server.workers", before.workers, after.workers);
  compare("server.state_dir", before.state_dir, after.state_dir);
  compare("server.admin_socket", before.admin_socket, after.admin_socket);
  compare("server.admin_group", before.admin_group, after.admin_group);
  compare("server.access_log", before.access_log, after.access_log);
  compare("server.access_log_format", before.access_log_format, after.access_log_format);
  compare("server.metrics", before.metrics, after.metrics);
  compare("listener", doors(running), doors(wanted));
  return keys;
}

}  // namespace drawbridge::config
