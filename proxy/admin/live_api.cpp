#include "proxy/admin/live_api.h"

#include "pages/reply.h"
#include "proxy/admin/certificate_checks.h"
#include "proxy/control/controller.h"
#include "proxy/upstream/server_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace drawbridge::admin {

namespace {

constexpr std::size_t named_max = 5;     // in one line
constexpr std::uint32_t broken_min = 3;  // requests in a row: one may be its client's doing

Check check_pages(const control::Controller& controller, const control::Status& status) {
  std::string broken;
  for (const auto& site : status.sites) {
    for (const core::Mode mode : {core::Mode::readonly, core::Mode::maintenance}) {
      core::ModeState state;
      state.mode = mode;
      state.since = status.now;
      const auto answers = controller.preview(site.name, state);
      const bool renders = answers && !pages::render_body(**answers, core::AnswerForm::html, false, {}).empty();
      if (!renders) broken += fmt::format("{}{} ({})", broken.empty() ? "" : ", ", site.name, core::name(mode));
    }
  }
  if (broken.empty())
    return {"pages", Health::ok,
            fmt::format("the pages of {} site{} render", status.sites.size(), status.sites.size() == 1 ? "" : "s"),
            ""};
  return {"pages", Health::fail, "no page for " + broken,
          "look at the folder named in the site's page key: proxyd --check"};
}

Check check_warnings(const control::Status& status) {
  if (status.warnings.empty()) return {"warnings", Health::ok, "proxyd has nothing to complain about", ""};
  std::string all;
  for (const auto& warning : status.warnings) all += (all.empty() ? "" : "; ") + warning;
  return {"warnings", Health::warn, all, "see proxyctl status and the event log"};
}

// What one pool's servers said when asked just now.
struct PoolFound {
  std::size_t servers = 0;
  std::size_t reached = 0;
  std::string missing;
  std::size_t missing_count = 0;
  std::string broken;  // who answers, and yet requests come to nothing there
  std::size_t broken_count = 0;
};

Check check_pool(const control::PoolStatus& pool, const PoolFound& found) {
  const std::string check = "upstream " + pool.name;
  const bool used = !pool.sites.empty();
  if (found.missing_count == 0 && found.broken_count > 0) {
    return {check, Health::warn,
            fmt::format("{} of {} servers answer when checked, but no request: {}", found.reached, found.servers,
                        found.broken),
            fmt::format("is protocol, tls or send_proxy of the pool another than theirs? They are spoken to as {}",
                        pool.speaks)};
  }
  if (found.missing_count == 0) {
    return {check, Health::ok,
            fmt::format("{} of {} server{} answer{}", found.reached, found.servers, found.servers == 1 ? "" : "s",
                        pool.speaks == "http1" ? "" : fmt::format(" ({})", pool.speaks)),
            ""};
  }
  const bool none = found.reached == 0;
  const std::string text =
      fmt::format("{} of {} servers answer; not: {}", found.reached, found.servers, found.missing);
  const std::string advice = used
                                 ? "start them or mend the way there; proxyctl pool list shows what is seen of them"
                                 : "no site uses this pool now; mend it before one is switched to it";
  return {check, none && used ? Health::fail : Health::warn, text, advice};
}

void note_broken(PoolFound& found, const std::string& address, const upstream::Broken& broken) {
  if (broken.count < broken_min || ++found.broken_count > named_max) return;
  found.broken += fmt::format("{}{} (the last {} failed, {} ago: {})", found.broken.empty() ? "" : ", ", address,
                              broken.count, base::describe_duration(broken.last_ago), base::name(broken.last));
}

std::vector<Check> check_upstreams(const control::Status& status, const upstream::HealthBoard& board,
                                   const std::vector<upstream::ProbeResult>& results) {
  std::map<core::ServerId, std::pair<bool, std::string>> by_server;
  for (const auto& result : results) {
    auto& [reached, reason] = by_server[result.server];
    reached = reached || result.healthy;
    reason = result.reason;
  }
  std::vector<Check> checks;
  for (const auto& pool : status.pools) {
    PoolFound found;
    for (const auto& server : pool.servers) {
      if (server.admin == core::ServerAdmin::disabled) continue;
      ++found.servers;
      const auto seen = by_server.find(server.id);
      if (seen != by_server.end() && seen->second.first) {
        ++found.reached;
        note_broken(found, server.address, board.health(server.id).broken);
      } else if (++found.missing_count <= named_max) {
        const std::string reason = seen == by_server.end() ? "not checked" : seen->second.second;
        found.missing += fmt::format("{}{} ({})", found.missing.empty() ? "" : ", ", server.address, reason);
      }
    }
    if (found.servers > 0) checks.push_back(check_pool(pool, found));
  }
  return checks;
}

// Worse than a server that is down: it goes on, and shows visitors what others asked for.
std::vector<std::string> stray_warnings(const control::Status& status, const upstream::HealthBoard& board) {
  std::vector<std::string> warnings;
  for (const auto& pool : status.pools) {
    for (const auto& server : pool.servers) {
      const auto strays = board.health(server.id).strays;
      if (strays.count == 0) continue;
      warnings.push_back(fmt::format(
          "{} of pool {} sent bytes that no request had asked for ({} in the last hour, {} ago): its answers may "
          "reach the wrong clients",
          server.address, pool.name, strays.count == 1 ? "once" : fmt::format("{} times", strays.count),
          base::describe_duration(strays.last_ago)));
    }
  }
  return warnings;
}

}  // namespace

LiveApi::LiveApi(Parts parts) : parts_(std::move(parts)) {}

void LiveApi::submit(core::Command command, control::Completion completion) {
  parts_.controller.submit(std::move(command), std::move(completion));
}

control::Status LiveApi::status() const {
  auto status = parts_.controller.status();
  if (auto warning = access_log_warning(parts_.access_log()); !warning.empty()) {
    status.warnings.insert(status.warnings.begin(), std::move(warning));
  }
  if (auto warning = client_warning(parts_.clients()); !warning.empty()) {
    status.warnings.insert(status.warnings.begin(), std::move(warning));
  }
  if (auto warning = kept_sockets_warning(parts_.kept_sockets()); !warning.empty()) {
    status.warnings.insert(status.warnings.begin(), std::move(warning));
  }
  if (auto ending = parts_.ending(); !ending.empty()) {
    status.warnings.insert(status.warnings.begin(), std::move(ending));
  }
  status.certificates = parts_.certificates();
  std::ranges::move(certificate_warnings(status.certificates, status.now), std::back_inserter(status.warnings));
  std::ranges::move(stray_warnings(status, parts_.board), std::back_inserter(status.warnings));
  return status;
}

std::vector<control::HistoryEntry> LiveApi::history(const std::string& site, std::size_t count_max) const {
  return parts_.controller.history(site, count_max);
}

std::uint64_t LiveApi::wait(control::WaitFor what,
                            std::function<void(std::expected<control::Waited, control::Refusal>)> done) {
  return parts_.controller.wait(std::move(what), std::move(done));
}

void LiveApi::cancel_wait(std::uint64_t id) {
  parts_.controller.cancel_wait(id);
}

std::expected<void, control::Refusal> LiveApi::run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                                         const std::string& output, bool stopped) {
  return parts_.controller.run_ended(site, id, exit_code, output, stopped);
}

std::expected<void, control::Refusal> LiveApi::abort_cutover(const std::string& site, const core::Actor& actor,
                                                             bool now) {
  return parts_.controller.abort_cutover(site, actor, now);
}

std::expected<std::shared_ptr<const core::AnswerSet>, control::Refusal> LiveApi::preview(
    const std::string& site, const core::ModeState& mode) const {
  return parts_.controller.preview(site, mode);
}

void LiveApi::load(std::vector<core::SiteId> sites,
                   std::function<void(std::vector<control::Workers::SiteLoad>)> done) {
  parts_.workers.load(std::move(sites), std::move(done));
}

ServerLoad LiveApi::server_load() const {
  ServerLoad load;
  for (const auto& server : parts_.registry.collect().servers) load[server.id] = server.in_flight;
  return load;
}

upstream::ServerHealth LiveApi::health(core::ServerId server) const {
  return parts_.board.health(server);
}

Explained LiveApi::explain(const ExplainRequest& request) const {
  return admin::explain(parts_.controller.current(), request);
}

void LiveApi::doctor(std::function<void(std::vector<Check>)> done) {
  const auto& config = parts_.controller.config();
  control::Status status = parts_.controller.status();
  std::ranges::move(stray_warnings(status, parts_.board), std::back_inserter(status.warnings));
  std::vector<Check> checks;
  const ClientFacts clients = parts_.clients();
  checks.push_back(check_descriptors(measure_descriptors(), clients));
  checks.push_back(check_clients(clients));
  checks.push_back(check_state_folder(measure_folder(config.server.state_dir)));
  checks.push_back(check_access_log(parts_.access_log()));
  checks.push_back(check_kept_sockets(parts_.kept_sockets()));
  checks.push_back(check_clock(measure_clock(parts_.started)));
  std::ranges::move(check_certificates(parts_.certificates(), status.now), std::back_inserter(checks));
  checks.push_back(check_pages(parts_.controller, status));
  checks.push_back(check_warnings(status));
  std::vector<core::ServerId> servers;
  for (const auto& pool : status.pools) {
    for (const auto& server : pool.servers) servers.push_back(server.id);
  }
  parts_.watch.check_now(servers, [this, status, checks = std::move(checks), done = std::move(done)](
                                      const std::vector<upstream::ProbeResult>& results) mutable {
    for (auto& check : check_upstreams(status, parts_.board, results)) checks.push_back(std::move(check));
    done(std::move(checks));
  });
}

void LiveApi::metrics(std::function<void(std::string)> done) {
  parts_.metrics(std::move(done));
}

}  // namespace drawbridge::admin
