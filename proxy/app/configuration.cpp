#include "proxy/app/configuration.h"

#include "config/load.h"
#include "proxy/admin/peer.h"
#include "proxy/app/tls_checks.h"

#include <set>
#include <utility>

namespace drawbridge::app {
namespace {

using Problems = std::vector<config::Problem>;

// What only this machine knows.
void check_group(const config::Server& server, const std::string& file, Problems& problems) {
  if (server.admin_group.empty()) return;
  const auto known = admin::group_id(server.admin_group);
  if (known) return;
  config::Problem problem;
  problem.file = file;
  problem.message = known.error().message;
  problems.push_back(std::move(problem));
}

Configured with_pages(std::expected<config::Config, Problems> config, const std::string& file) {
  if (!config) return std::unexpected(std::move(config.error()));
  std::set<std::string> names;
  for (const auto& site : config->sites) names.insert({site.readonly.page, site.maintenance.page});
  Problems problems;
  check_group(config->server, file, problems);
  auto shelf = pages::PageShelf::load(config->server.pages_dir, names);
  if (shelf && problems.empty()) return Configuration{.values = std::move(*config), .pages = std::move(*shelf)};
  for (auto& error : shelf ? std::vector<base::Error>{} : std::move(shelf.error())) {
    config::Problem problem;
    problem.file = file;
    problem.message = std::move(error.message);
    problems.push_back(std::move(problem));
  }
  return std::unexpected(std::move(problems));
}

}  // namespace

Configured load_configuration(const std::string& path) {
  return with_pages(config::load(path, tls_checks()), path);
}

Configured parse_configuration(std::string_view text, const std::string& file) {
  return with_pages(config::parse(text, file), file);
}

}  // namespace drawbridge::app
