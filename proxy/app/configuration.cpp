#include "proxy/app/configuration.h"

#include "config/load.h"
#include "proxy/admin/peer.h"
#include "proxy/app/tls_checks.h"
#include "proxy/control/file_notes.h"
#include "proxy/control/file_system.h"
#include "proxy/control/reconcile.h"
#include "proxy/control/state_json.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <set>
#include <unistd.h>
#include <utility>

namespace drawbridge::app {
namespace {

using Problems = std::vector<config::Problem>;

config::FileChecks file_checks() {
  auto checks = tls_checks();
  checks.group = [](const std::string& name) -> std::optional<std::string> {
    if (admin::group_id(name)) return std::nullopt;
    return fmt::format("there is no group '{}'", name);
  };
  return checks;
}

Configured with_pages(std::expected<config::Config, Problems> config, const std::string& file) {
  if (!config) return std::unexpected(std::move(config.error()));
  std::set<std::string> names;
  for (const auto& site : config->sites) names.insert({site.readonly.page, site.maintenance.page});
  auto shelf = pages::PageShelf::load(config->server.pages_dir, names);
  if (shelf) return Configuration{.values = std::move(*config), .pages = std::move(*shelf)};
  Problems problems;
  for (auto& error : shelf.error()) {
    config::Problem problem;
    problem.file = file;
    problem.message = std::move(error.message);
    problems.push_back(std::move(problem));
  }
  return std::unexpected(std::move(problems));
}

}  // namespace

Configured load_configuration(const std::string& path) {
  return with_pages(config::load(path, file_checks()), path);
}

std::vector<std::string> missing_folders(const config::Server& server) {
  namespace fs = std::filesystem;
  std::vector<std::string> missing;
  // `makes`: proxyd makes the folder itself where it may.
  const auto look = [&](std::string_view key, const fs::path& folder, bool makes) {
    std::error_code error;
    auto there = folder;
    while (makes && there.has_relative_path() && !fs::exists(there, error)) there = there.parent_path();
    if (fs::is_directory(there, error) && ::access(there.c_str(), W_OK) == 0) return;
    missing.push_back(fmt::format("'{}' of [server]: the folder {} {}", key, folder.string(),
                                  fs::exists(folder, error) ? "cannot be written" : "is missing"));
  };
  look("state_dir", server.state_dir, true);
  look("admin_socket", fs::path(server.admin_socket).parent_path(), true);
  if (server.access_log.starts_with('/')) look("access_log", fs::path(server.access_log).parent_path(), false);
  return missing;
}

std::vector<std::string> state_warnings(const config::Config& config) {
  const auto files = control::make_file_system();
  const auto name = config.server.state_dir + "/state.json";
  const auto text = files->read(name, control::state_bytes_max);
  if (!text || !*text) return {};
  const auto state = control::parse_state(**text);
  if (!state) {
    return {fmt::format("{}{} {}", state.error().newer ? "as things stand a start is refused: " : "", name,
                        state.error().message)};
  }
  auto fitted = control::reconcile(config, *state, base::now().wall);
  if (!fitted) return {"as things stand a start with it, or a reload, is refused: " + fitted.error().message};
  return control::unfollowed_edits(config, fitted->state);
}

Configured parse_configuration(std::string_view text, const std::string& file) {
  return with_pages(config::parse(text, file), file);
}

}  // namespace drawbridge::app
