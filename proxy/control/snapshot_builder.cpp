#include "proxy/control/snapshot_builder.h"

#include "proxy/base/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

using base::Error;
using base::Expected;

std::unexpected<Error> out_of_numbers(const char* what) {
  return std::unexpected(Error{fmt::format("too many {} since proxyd was started; restart it", what)});
}

bool same(const core::ModeState& a, const core::ModeState& b) {
  return a.mode == b.mode && a.scope == b.scope && a.since == b.since && a.until == b.until && a.then == b.then &&
         a.reason == b.reason && a.by == b.by;
}

core::Balance balance_of(config::Balance balance) {
  switch (balance) {
    case config::Balance::round_robin:
      return core::Balance::round_robin;
    case config::Balance::least_requests:
      return core::Balance::least_requests;
  }
  return core::Balance::least_requests;
}

http::ProxyVersion send_proxy_of(config::SendProxy version) {
  switch (version) {
    case config::SendProxy::off:
      return http::ProxyVersion::none;
    case config::SendProxy::v1:
      return http::ProxyVersion::v1;
    case config::SendProxy::v2:
      return http::ProxyVersion::v2;
  }
  return http::ProxyVersion::none;
}

core::UpstreamTiming timing_of(const config::UpstreamTimeouts& timeouts) {
  return {.connect = timeouts.connect, .head = timeouts.head, .body = timeouts.body, .idle = timeouts.idle};
}

core::ClientBounds bounds_of(const config::Limits& limits, const config::Timeouts& timeouts) {
  return {.head = {.head_bytes_max = limits.request_head_bytes,
                   .line_bytes_max = limits.request_line_bytes,
                   .headers_max = std::min<std::size_t>(limits.request_headers, http::header_capacity)},
          .request_body_bytes_max = limits.request_body_bytes,
          .response_head_bytes_max = limits.response_head_bytes,
          .head_timeout = timeouts.request_head,
          .idle_timeout = timeouts.client_idle,
          .body_timeout = timeouts.client_body,
          .answer_rate_min = limits.response_body_rate,
          .body_rate_min = limits.request_body_rate,
          .tunnel_idle_timeout = timeouts.tunnel_idle,
          .h2_streams_max = limits.http2_streams};
}

Expected<http::TrustedNets> trusted_nets(const config::Server& server) {
  http::TrustedNets nets;
  for (const auto& text : server.trusted_proxies) {
    const auto net = http::parse_net(text);
    if (!net) return std::unexpected(Error{fmt::format("trusted_proxies: '{}' is not a network", text)});
    nets.add(*net);
  }
  return nets;
}

core::UpstreamProtocol protocol_of(config::PoolProtocol protocol) {
  switch (protocol) {
    case config::PoolProtocol::http1:
      return core::UpstreamProtocol::http1;
    case config::PoolProtocol::h2c:
      return core::UpstreamProtocol::h2c;
    case config::PoolProtocol::h2:
      return core::UpstreamProtocol::h2;
  }
  return core::UpstreamProtocol::http1;
}

std::string host_of(std::string_view address) {
  address = address.substr(0, address.rfind(':'));
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return std::string(address);
}

Expected<std::unique_ptr<core::PoolView>> build_pool(const config::Pool& pool, const State& state, Ids& ids,
                                                     TlsClients& clients) {
  auto view = std::make_unique<core::PoolView>();
  const auto id = ids.pools.of(pool.name);
  if (!id) return out_of_numbers("pools");
  view->id = *id;
  view->name = pool.name;
  view->balance = balance_of(pool.balance);
  view->protocol = protocol_of(pool.protocol);
  view->timing = timing_of(pool.timeouts);
  view->idle_connections_max = pool.idle_connections;
  view->send_proxy = send_proxy_of(pool.send_proxy);
  view->drawbridge = pool.drawbridge;
  auto tls = clients.of(pool);
  if (!tls) return std::unexpected(tls.error());
  view->tls = std::move(*tls);
  for (const auto& server : pool.servers) {
    const auto server_id = ids.servers.of(pool.name + " " + server.address);
    if (!server_id) return out_of_numbers("servers");
    const auto admin = state.servers.find({pool.name, server.address});
    view->servers.push_back({.id = *server_id,
                             .address = server.address,
                             .host = host_of(server.address),
                             .weight = server.weight,
                             .max_connections = server.max_connections,
                             .admin = admin == state.servers.end() ? core::ServerAdmin::ready : admin->second});
  }
  return view;
}

Expected<std::vector<core::Rule>> build_rules(const config::Rules& texts, const config::Site& site) {
  std::vector<core::Rule> rules;
  for (const auto& text : texts) {
    auto rule = core::Rule::parse(text);
    if (!rule) return std::unexpected(Error{fmt::format("site {}: {}", site.name, rule.error().message)});
    rules.push_back(std::move(*rule));
  }
  return rules;
}

Expected<core::RuleSet> build_rule_set(const config::Site& site) {
  auto read = build_rules(site.readonly.read, site);
  if (!read) return std::unexpected(read.error());
  auto write = build_rules(site.readonly.write, site);
  if (!write) return std::unexpected(write.error());
  auto exempt = build_rules(site.maintenance.exempt, site);
  if (!exempt) return std::unexpected(exempt.error());
  return core::RuleSet{.read = std::move(*read), .write = std::move(*write), .exempt = std::move(*exempt)};
}

core::ForwardPolicy::Host host_of(config::HostPolicy host) {
  switch (host) {
    case config::HostPolicy::pass:
      return core::ForwardPolicy::Host::pass;
    case config::HostPolicy::upstream:
      return core::ForwardPolicy::Host::upstream;
    case config::HostPolicy::fixed:
      return core::ForwardPolicy::Host::fixed;
  }
  return core::ForwardPolicy::Host::pass;
}

std::vector<http::FieldSetting> settings_of(const config::HeaderEdits& edits) {
  std::vector<http::FieldSetting> settings;
  for (const auto& [field, value] : edits.set) settings.push_back({.name = field, .value = value});
  return settings;
}

std::string strict_transport_of(const config::Hsts& hsts) {
  if (hsts.max_age <= base::Millis(0)) return {};
  return fmt::format("max-age={}{}{}", std::chrono::duration_cast<std::chrono::seconds>(hsts.max_age).count(),
                     hsts.include_subdomains ? "; includeSubDomains" : "", hsts.preload ? "; preload" : "");
}

std::vector<http::FieldSetting> secure_settings_of(const config::Site& site) {
  auto settings = settings_of(site.response_headers);
  auto strict = strict_transport_of(site.hsts);
  if (!strict.empty()) settings.push_back({.name = "Strict-Transport-Security", .value = std::move(strict)});
  return settings;
}

core::ForwardPolicy build_forward(const config::Site& site) {
  return {.strip_prefix = site.strip_prefix,
          .host = host_of(site.host),
          .request_set = settings_of(site.request_headers),
          .response_set = settings_of(site.response_headers),
          .request_remove = site.request_headers.remove,
          .response_remove = site.response_headers.remove,
          .secure_response_set = secure_settings_of(site),
          .fixed_host = site.host_name};
}

const core::PoolView* find_pool(const core::Snapshot& snapshot, const std::string& name) {
  const auto found =
      std::ranges::find(snapshot.pools, name, [](const auto& pool) -> const std::string& { return pool->name; });
  return found == snapshot.pools.end() ? nullptr : found->get();
}

// Of a site that is on several pools, or has a part on the move; else null.
Expected<std::unique_ptr<const core::Split>> build_split(const config::Site& site, const SiteState& state,
                                                         const core::Snapshot& snapshot, Ids& ids,
                                                         AnswerCache& answers) {
  const bool moves = state.cutover && state.cutover->after && !core::has_flipped(state.cutover->stage);
  if (state.slices.empty() && !moves) return nullptr;
  auto split = std::make_unique<core::Split>();
  split->now = placement_of(site.name, {.pool = state.pool, .slices = state.slices}, ids);
  if (split->now == nullptr) return out_of_numbers("slices");
  for (const auto& slice : state.slices) {
    split->pools.push_back(find_pool(snapshot, slice.pool));
    DRAWBRIDGE_CHECK(split->pools.back() != nullptr);
  }
  if (!moves) return split;
  auto to = placement_of(site.name, *state.cutover->after, ids);
  if (to == nullptr) return out_of_numbers("slices");
  const auto hold = hold_of(state);
  split->move = core::Split::Move{.to = std::move(to), .hold = hold, .answers = answers.of_part(site, hold)};
  return split;
}

Expected<std::unique_ptr<core::SiteView>> build_site(const config::Site& site, const State& state,
                                                     const core::Snapshot& snapshot, Ids& ids,
                                                     AnswerCache& answers) {
  const auto found = state.sites.find(site.name);
  DRAWBRIDGE_CHECK(found != state.sites.end());
  auto view = std::make_unique<core::SiteView>();
  const auto id = ids.sites.of(site.name);
  if (!id) return out_of_numbers("sites");
  auto rules = build_rule_set(site);
  if (!rules) return std::unexpected(rules.error());
  view->id = *id;
  view->name = site.name;
  view->mode = shown_mode(found->second);
  view->pool = find_pool(snapshot, found->second.pool);
  DRAWBRIDGE_CHECK(view->pool != nullptr);
  auto split = build_split(site, found->second, snapshot, ids, answers);
  if (!split) return std::unexpected(split.error());
  view->split = std::move(*split);
  if (!site.maintenance.pool.empty()) view->notice = find_pool(snapshot, site.maintenance.pool);
  view->rules = std::move(*rules);
  view->hold = {.requests_max = site.hold.max_requests,
                .wait_max = site.hold.max_wait,
                .release_per_second = site.hold.release_per_second};
  view->forward = build_forward(site);
  view->https_port = site.redirect_to_https;
  view->wants_certificate = site.client_certificate == config::SiteCertificate::required;
  view->strict_transport = strict_transport_of(site.hsts);
  view->retry_after =
      view->mode.mode == core::Mode::maintenance ? site.maintenance.retry_after : site.readonly.retry_after;
  view->answers = answers.of(site, view->mode);
  return view;
}

}  // namespace

std::shared_ptr<const core::AnswerSet> AnswerCache::of(const config::Site& site, const core::ModeState& mode) {
  if (mode.mode == core::Mode::live) {
    kept_.erase(site.name);
    return nullptr;
  }
  return kept(site.name, site, mode);
}

std::shared_ptr<const core::AnswerSet> AnswerCache::of_part(const config::Site& site, const core::ModeState& hold) {
  return kept(site.name + " part", site, hold);
}

std::shared_ptr<const core::AnswerSet> AnswerCache::kept(const std::string& key, const config::Site& site,
                                                         const core::ModeState& mode) {
  auto& kept = kept_[key];
  if (!kept.answers || !same(kept.mode, mode)) kept = {.mode = mode, .answers = render_(site, mode)};
  DRAWBRIDGE_CHECK(kept.answers != nullptr);
  return kept.answers;
}

std::shared_ptr<const core::Placement> placement_of(const std::string& site, const Places& places, Ids& ids) {
  auto placement = std::make_shared<core::Placement>();
  placement->rest = ids.pools.of(places.pool).value();
  for (const auto& slice : places.slices) {
    auto match = core::SliceMatch::parse(slice.match);
    DRAWBRIDGE_CHECK(match.has_value());
    const auto id = ids.slices.of(fmt::format("{} {}", site, match->key()));
    if (!id) return nullptr;
    placement->slices.push_back({.id = *id, .match = std::move(*match), .pool = ids.pools.of(slice.pool).value()});
  }
  return placement;
}

Expected<std::unique_ptr<core::Snapshot>> build_snapshot(const config::Config& config, const State& state, Ids& ids,
                                                         AnswerCache& answers, TlsClients& tls) {
  auto snapshot = std::make_unique<core::Snapshot>();
  snapshot->epoch = state.epoch;
  snapshot->bounds = bounds_of(config.limits, config.timeouts);
  auto trusted = trusted_nets(config.server);
  if (!trusted) return std::unexpected(trusted.error());
  snapshot->trusted = std::move(*trusted);
  for (const auto& pool : config.pools) {
    auto view = build_pool(pool, state, ids, tls);
    if (!view) return std::unexpected(view.error());
    snapshot->pools.push_back(std::move(*view));
  }
  std::vector<core::RouteTable::Claim> claims;
  for (const auto& site : config.sites) {
    auto view = build_site(site, state, *snapshot, ids, answers);
    if (!view) return std::unexpected(view.error());
    snapshot->sites.push_back(std::move(*view));
    claims.push_back({.hosts = site.hosts, .paths = site.paths});
  }
  snapshot->routes = core::RouteTable(claims);
  return snapshot;
}

}  // namespace drawbridge::control
