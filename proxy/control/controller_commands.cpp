#include "config/nearest.h"
#include "config/restart.h"
#include "proxy/base/limits.h"
#include "proxy/control/controller.h"
#include "proxy/control/file_notes.h"
#include "proxy/control/mode_order.h"
#include "proxy/control/reconcile.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <variant>

namespace drawbridge::control {
namespace {

Refusal unknown(RefusalCode code, std::string_view what, const std::string& name,
                const std::vector<std::string_view>& known) {
  const auto near = config::nearest(name, known);
  return {.code = code,
          .message = fmt::format("no {} '{}' is configured", what, name),
          .hint = near.empty() ? std::string() : fmt::format("did you mean '{}'?", near)};
}

std::expected<void, Refusal> check_server(const config::Config& config, const core::ServerCommand& command) {
  const auto* pool = config.find_pool(command.pool);
  std::vector<std::string_view> known;
  if (pool == nullptr) {
    for (const auto& one : config.pools) known.push_back(one.name);
    return std::unexpected(unknown(RefusalCode::unknown_pool, "pool", command.pool, known));
  }
  for (const auto& server : pool->servers) known.push_back(server.address);
  if (std::ranges::find(known, command.address) == known.end()) {
    return std::unexpected(
        unknown(RefusalCode::unknown_server, "server in pool " + pool->name, command.address, known));
  }
  if (command.reason.size() > base::limits::reason_bytes_max) {
    return std::unexpected(Refusal{.code = RefusalCode::bad_request, .message = "the reason is too long"});
  }
  if (command.admin == core::ServerAdmin::ready && (command.drain_timeout || command.cut)) {
    return std::unexpected(
        Refusal{.code = RefusalCode::bad_request, .message = "a server that is ready has nothing to drain"});
  }
  if (!command.drain_timeout) return {};
  if (command.drain_timeout->count() < 0 || *command.drain_timeout > drain_timeout_max) {
    return std::unexpected(Refusal{.code = RefusalCode::bad_request, .message = "the drain is from 0s to 24h"});
  }
  return {};
}

std::string_view verb(core::ServerAdmin admin) {
  switch (admin) {
    case core::ServerAdmin::ready:
      return "ready";
    case core::ServerAdmin::drain:
      return "drain";
    case core::ServerAdmin::disabled:
      return "disable";
  }
  return "unknown";
}

std::string describe(const core::ServerCommand& command, core::ServerAdmin admin) {
  return fmt::format("server {} {} {}", verb(admin), command.pool, command.address);
}

bool has_slice_on(const core::SiteView& site, const std::string& pool) {
  return site.split != nullptr &&
         std::ranges::any_of(site.split->pools, [&](const auto* one) { return one->name == pool; });
}

template <class... Calls>
struct Overloaded : Calls... {
  using Calls::operator()...;
};

}  // namespace

void Controller::submit(core::Command command, Completion completion) {
  command.actor.name = clean_text(command.actor.name, base::limits::actor_name_bytes_max);
  auto carried_out = carry_out(command, completion);
  if (!carried_out) note_reload_refused(command, carried_out.error());
  if (!carried_out) refuse(std::move(completion), command.actor, std::move(carried_out.error()));
}

// What was refused without a look at the file says nothing about it.
void Controller::note_reload_refused(const core::Command& command, const Refusal& refusal) {
  const bool looked = refusal.code != RefusalCode::epoch_changed && refusal.code != RefusalCode::shutting_down;
  if (!looked || !std::holds_alternative<core::ReloadCommand>(command.what)) return;
  refused_reload_ = describe_refused_reload(refusal, command.actor, parts_.alarms.now().wall);
}

void Controller::refuse(Completion completion, const core::Actor& actor, Refusal refusal) {
  parts_.events.info(
      "command_refused",
      {{"by", describe(actor)}, {"code", std::string(name(refusal.code))}, {"message", refusal.message}});
  if (!completion.done) return;
  parts_.alarms.post(
      [done = std::move(completion.done), refusal = std::move(refusal)] { done(std::unexpected(refusal)); });
}

Controller::Checked Controller::carry_out(core::Command& command, Completion& completion) {
  if (stopped_) {
    return std::unexpected(Refusal{.code = RefusalCode::shutting_down, .message = "proxyd is ending"});
  }
  if (changes_.is_full()) {
    return std::unexpected(Refusal{.code = RefusalCode::refused, .message = "too many changes are draining"});
  }
  if (command.if_epoch && *command.if_epoch != state_.epoch) {
    return std::unexpected(
        Refusal{.code = RefusalCode::epoch_changed,
                .message = fmt::format("the epoch is {}, not {}", state_.epoch, *command.if_epoch),
                .hint = "somebody changed something meanwhile: see history"});
  }
  const auto& actor = command.actor;
  return std::visit(
      Overloaded{[&](const core::ModeCommand& mode) { return change_mode(mode, actor, completion); },
                 [&](const core::ServerCommand& server) { return change_server(server, actor, completion); },
                 [&](const core::ReloadCommand&) { return reload(actor, completion); },
                 [&](const core::CutoverCommand& cutover) { return change_pool(cutover, actor, completion); }},
      command.what);
}

Controller::Checked Controller::change_mode(const core::ModeCommand& command, const core::Actor& actor,
                                            Completion& completion) {
  const auto now = parts_.alarms.now();
  auto sites = resolve_sites(config_, command.sites);
  if (!sites) return std::unexpected(std::move(sites.error()));
  std::vector<const config::Site*> configured;
  for (const auto& name : *sites) configured.push_back(config_.find_site(name));
  if (auto checked = check_mode_command(command, configured, now.wall); !checked) return checked;
  for (const auto& name : *sites) {
    if (auto free = cutovers_.check_free(name); !free) return free;
  }
  const auto before = state_;
  Next next{.state = state_, .config = {}};
  for (const auto& name : *sites) {
    auto& site = next.state.sites.at(name);
    site.mode = next_mode(site.mode, command, *config_.find_site(name), describe(actor), now.wall);
    site.ends.reset();
    site.epoch = state_.epoch + 1;
  }
  if (auto committed = commit(std::move(next)); !committed) return committed;

  auto order = order_for(std::string(core::name(command.mode)), std::move(*sites), actor);
  order.receipt.warning = kept_then(command, order.receipt.sites);
  set_drain(order, command.mode);
  if (command.drain_timeout) order.drain_timeout = *command.drain_timeout;
  order.cut = command.cut;
  record(order, clean_text(command.reason, base::limits::reason_bytes_max), before, true);
  supersede(order);
  begin(std::move(order), std::move(completion));
  return {};
}

// What follows a mode that was given again, where the command does not say it.
std::string Controller::kept_then(const core::ModeCommand& command, const std::vector<std::string>& sites) const {
  if (command.then) return {};
  std::vector<std::string> kept;
  for (const auto& name : sites) {
    const auto& mode = state_.sites.at(name).mode;
    if (mode.then != core::Mode::live)
      kept.push_back(fmt::format("{} follows for {}", core::name(mode.then), name));
  }
  return kept.empty() ? std::string() : fmt::format("{}, as before: --then was not given", join_names(kept));
}

Controller::Checked Controller::change_server(const core::ServerCommand& command, const core::Actor& actor,
                                              Completion& completion) {
  if (auto checked = check_server(config_, command); !checked) return checked;
  if (command.admin != core::ServerAdmin::ready && changes_.is_full_of_marks()) {
    return std::unexpected(Refusal{.code = RefusalCode::refused,
                                   .message = "too many servers and slices are draining at the same time",
                                   .hint = "wait for those that are under way"});
  }
  Next next{.state = state_, .config = {}};
  if (command.admin == core::ServerAdmin::ready) {
    next.state.servers.erase({command.pool, command.address});
  } else {
    next.state.servers[{command.pool, command.address}] = command.admin;
  }
  if (auto committed = commit(std::move(next)); !committed) return committed;

  auto order = order_for(describe(command, command.admin), sites_of_pool(command.pool), actor);
  if (command.admin != core::ServerAdmin::ready) wait_for_server(order, command);
  record(order, clean_text(command.reason, base::limits::reason_bytes_max), state_, false);
  if (command.admin == core::ServerAdmin::ready) {
    const auto by = fmt::format("{} of {} (epoch {})", order.receipt.what, describe(actor), order.receipt.epoch);
    for (const auto out : {core::ServerAdmin::drain, core::ServerAdmin::disabled}) {
      changes_.supersede_server(describe(command, out), by);
    }
  }
  begin(std::move(order), std::move(completion));
  return {};
}

Controller::Checked Controller::reload(const core::Actor& actor, Completion& completion) {
  for (const auto& [name, site] : state_.sites) {
    if (auto free = cutovers_.check_free(name); !free) return free;
  }
  auto loaded = parts_.load();
  if (!loaded) {
    return std::unexpected(Refusal{.code = RefusalCode::config_invalid,
                                   .message = "the configuration is not valid, so nothing has changed",
                                   .problems = std::move(loaded.error())});
  }
  if (auto keys = config::needs_restart(config_, *loaded); !keys.empty()) {
    auto message = fmt::format("a reload cannot change {}, so nothing has changed", join_names(keys));
    return std::unexpected(Refusal{.code = RefusalCode::needs_restart,
                                   .message = std::move(message),
                                   .hint = "restart proxyd, or take these changes back",
                                   .keys = std::move(keys)});
  }
  auto fitted = reconcile(*loaded, state_, parts_.alarms.now().wall);
  if (!fitted) {
    return std::unexpected(Refusal{.code = RefusalCode::refused, .message = fitted.error().message});
  }
  std::vector<std::string> sites;
  for (const auto& site : loaded->sites) sites.push_back(site.name);
  auto committed = commit({.state = std::move(fitted->state), .config = std::move(*loaded)});
  if (!committed) return committed;
  refused_reload_.clear();
  auto not_followed = tell_unfollowed_edits();
  note_fit(*fitted);
  std::vector<std::string> gone;
  for (const auto& [name, site] : state_.sites) {
    if (!site.configured) gone.push_back(name);
  }
  note_seen(gone);

  auto order = order_for("reload", std::move(sites), actor);
  order.receipt.warning = std::move(not_followed);
  record(order, {}, state_, false);
  begin(std::move(order), std::move(completion));
  return {};
}

std::string Controller::tell_unfollowed_edits() {
  std::string all;
  for (const auto& sentence : unfollowed_edits(config_, state_)) all += (all.empty() ? "" : "; ") + sentence;
  if (!all.empty()) parts_.events.warning("file_not_followed", {{"problem", all}});
  return all;
}

bool Controller::expire(const std::vector<std::string>& sites) {
  std::map<core::Mode, std::vector<std::string>> by_mode;
  bool all_done = true;
  for (const auto& name : sites) {
    // Comes when the cutover has ended: nothing crosses it.
    if (!cutovers_.check_free(name)) {
      all_done = false;
    } else {
      by_mode[state_.sites.at(name).mode.then].push_back(name);
    }
  }
  for (auto& [mode, names] : by_mode) {
    const auto expired = expire_to(mode, names);
    if (expired) continue;
    all_done = false;
    parts_.events.error("timer_change_failed", {{"change", std::string(core::name(mode))},
                                                {"sites", join_names(names)},
                                                {"problem", expired.error().message}});
  }
  return all_done;
}

Controller::Checked Controller::expire_to(core::Mode mode, const std::vector<std::string>& sites) {
  const auto before = state_;
  Next next{.state = state_, .config = {}};
  for (const auto& name : sites) {
    auto& site = next.state.sites.at(name);
    site.mode = mode_after(site.mode, parts_.alarms.now().wall);
    site.ends.reset();
    site.epoch = state_.epoch + 1;
  }
  if (auto committed = commit(std::move(next)); !committed) return committed;
  auto order = order_for(std::string(core::name(mode)), sites, {.name = "timer"});
  set_drain(order, mode);
  record(order, "its time was over", before, true);
  supersede(order);
  begin(std::move(order), {});
  return {};
}

ChangeOrder Controller::order_for(std::string what, std::vector<std::string> sites,
                                  const core::Actor& actor) const {
  ChangeOrder order;
  for (const auto& name : sites) order.site_ids.push_back(ids_.sites.find(name).value());
  order.receipt.epoch = state_.epoch;
  order.receipt.sites = std::move(sites);
  order.receipt.what = std::move(what);
  order.receipt.published_at = parts_.alarms.now().wall;
  order.actor = actor;
  return order;
}

// Of several sites the most patient one decides: a shorter bound would list or cut what its site allows.
void Controller::set_drain_timeout(ChangeOrder& order) const {
  for (const auto& name : order.receipt.sites) {
    const auto& drain = config_.find_site(name)->drain;
    order.drain_timeout = std::max(order.drain_timeout, drain.timeout);
    order.tunnel_spread = std::max(order.tunnel_spread, drain.tunnel_spread);
  }
}

// A hold of several sites waits for what the widest of their scopes must see ended.
void Controller::set_drain(ChangeOrder& order, core::Mode mode) const {
  auto scope = core::HoldScope::writes;
  for (const auto& name : order.receipt.sites) scope = std::max(scope, state_.sites.at(name).mode.scope);
  order.classes = core::drains(mode, scope);
  order.spare_read_tunnels = !order.classes.has(core::RequestClass::read);
  set_drain_timeout(order);
  // Hosts of a site that a reload renamed or removed may be anyone's now. Nobody can command that site, so whoever
  // waits for writes waits for its writes too.
  for (const auto& [name, site] : state_.sites) {
    const auto id = ids_.sites.find(name);
    if (!site.configured && id) order.retired_ids.push_back(*id);
  }
}

void Controller::supersede(const ChangeOrder& order) {
  const auto by =
      fmt::format("{} of {} (epoch {})", order.receipt.what, describe(order.actor), order.receipt.epoch);
  for (std::size_t i = 0; i < order.site_ids.size(); ++i) {
    changes_.supersede(order.site_ids[i], order.receipt.sites[i], order.classes, by);
  }
}

void Controller::begin(ChangeOrder order, Completion completion) {
  order.tunnel_spread = std::min(order.tunnel_spread, order.drain_timeout);
  if (order.classes.has(core::RequestClass::write) && !order.at_server) {
    order.receipt.before_restart = last_end_.sentence(order.receipt.sites, parts_.alarms.now().steady);
  }
  changes_.start(std::move(order), std::move(completion));
  waits_.look();
}

// A server that is taken out is left by all that it has, of whatever site: nothing new comes to it.
void Controller::wait_for_server(ChangeOrder& order, const core::ServerCommand& command) const {
  const auto& pools = publisher_.current().pools;
  const auto pool =
      std::ranges::find(pools, command.pool, [](const auto& one) -> const auto& { return one->name; });
  const auto& servers = (*pool)->servers;
  const auto id = std::ranges::find(servers, command.address, &core::PoolServer::address)->id;
  order.at_server = id;
  order.classes = core::drains(core::Mode::maintenance, core::HoldScope::all);
  order.exempt_too = true;
  order.cut = command.cut;
  ids_.sites.for_each([&](const std::string&, core::SiteId site) { order.retired_ids.push_back(site); });
  set_drain_timeout(order);
  if (order.receipt.sites.empty()) order.drain_timeout = config::Drain{}.timeout;
  if (command.drain_timeout) order.drain_timeout = *command.drain_timeout;
  const auto takes_part = [](const core::PoolServer& one) { return one.admin == core::ServerAdmin::ready; };
  if (std::ranges::any_of(servers, takes_part)) return;
  order.receipt.warning = fmt::format("no server of {} takes requests any more", command.pool);
}

std::vector<std::string> Controller::sites_of_pool(const std::string& pool) const {
  std::vector<std::string> sites;
  for (const auto& site : publisher_.current().sites) {
    const bool active = site->pool->name == pool || has_slice_on(*site, pool);
    if (active || (site->notice != nullptr && site->notice->name == pool)) sites.push_back(site->name);
  }
  return sites;
}

}  // namespace drawbridge::control
