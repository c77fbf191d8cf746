#include "proxy/control/mode_order.h"

#include "config/nearest.h"
#include "proxy/base/limits.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace drawbridge::control {
namespace {

constexpr base::Millis lasts_max{366LL * 24 * 3'600'000};

std::unexpected<Refusal> bad(std::string message) {
  return std::unexpected(Refusal{.code = RefusalCode::bad_request, .message = std::move(message)});
}

Refusal unknown_site(const config::Config& config, const std::string& name) {
  std::vector<std::string_view> known;
  for (const auto& site : config.sites) known.push_back(site.name);
  const auto near = config::nearest(name, known);
  return {.code = RefusalCode::unknown_site,
          .message = fmt::format("no site '{}' is configured", name),
          .hint = near.empty() ? std::string() : fmt::format("did you mean '{}'?", near)};
}

std::expected<void, Refusal> check_end(const core::ModeCommand& command, base::WallTime now) {
  const bool ends = command.lasts || command.until;
  if (command.mode == core::Mode::live && ends)
    return bad("live does not end by itself: leave out --for and --until");
  if (command.lasts && command.until) return bad("--for and --until exclude each other");
  if (!ends && command.mode != core::Mode::hold && command.then.value_or(core::Mode::live) != core::Mode::live)
    return bad("--then needs --for or --until");
  if (command.lasts && command.lasts->count() <= 0) return bad("--for must be longer than nothing");
  if (command.lasts && *command.lasts > lasts_max) return bad("--for is at most 366 days");
  if (command.until && *command.until <= now) return bad("--until is in the past");
  if (command.until && *command.until - now > lasts_max) return bad("--until is at most 366 days away");
  return {};
}

std::expected<void, Refusal> check_hold(const core::ModeCommand& command,
                                        const std::vector<const config::Site*>& sites, base::WallTime now) {
  if (command.then == core::Mode::hold) return bad("--then hold: a hold must be commanded, not follow by itself");
  if (command.mode != core::Mode::hold) {
    if (command.scope) return bad("--scope belongs to hold");
    return {};
  }
  const auto lasts = command.until ? *command.until - now : command.lasts.value_or(base::Millis{0});
  for (const auto* site : sites) {
    if (lasts > site->hold.max_total) {
      return bad(fmt::format("a hold of {} lasts at most {} (hold.max_total)", site->name,
                             base::format_duration(site->hold.max_total)));
    }
  }
  return {};
}

core::HoldScope scope_of(const core::ModeCommand& command, const config::Site& site) {
  if (command.scope) return *command.scope;
  return site.hold.scope == config::HoldScope::all ? core::HoldScope::all : core::HoldScope::writes;
}

}  // namespace

std::expected<std::vector<std::string>, Refusal> resolve_sites(const config::Config& config,
                                                               const std::vector<std::string>& names) {
  std::set<std::string> sites;
  for (const auto& name : names) {
    if (config.find_site(name) == nullptr) return std::unexpected(unknown_site(config, name));
    sites.insert(name);
  }
  if (names.empty()) {
    for (const auto& site : config.sites) sites.insert(site.name);
  }
  return std::vector<std::string>(sites.begin(), sites.end());
}

std::expected<void, Refusal> check_mode_command(const core::ModeCommand& command,
                                                const std::vector<const config::Site*>& sites, base::WallTime now) {
  if (const auto checked = check_end(command, now); !checked) return checked;
  if (const auto checked = check_hold(command, sites, now); !checked) return checked;
  if (command.cut && command.mode == core::Mode::live) return bad("live cuts nothing: leave out --cut");
  if (command.drain_timeout && (command.drain_timeout->count() < 0 || *command.drain_timeout > drain_timeout_max)) {
    return bad("--drain is between 0s and 24h");
  }
  if (command.reason.size() > base::limits::reason_bytes_max) {
    return bad(
        fmt::format("--reason has {} bytes; at most {}", command.reason.size(), base::limits::reason_bytes_max));
  }
  return {};
}

core::ModeState next_mode(const core::ModeState& before, const core::ModeCommand& command, const config::Site& site,
                          const std::string& by, base::WallTime now) {
  const bool holds = command.mode == core::Mode::hold;
  core::ModeState next;
  next.mode = command.mode;
  if (holds) next.scope = scope_of(command, site);
  const bool stays = before.mode == next.mode && before.scope == next.scope;
  next.since = stays ? before.since : now;
  next.until = command.until;
  if (command.lasts) next.until = now + *command.lasts;
  if (holds && !next.until) next.until = now + site.hold.max_total;
  // Who moves the end of a mode does not mean to change what follows, nor why.
  const auto followed = stays && before.until && next.until ? before.then : core::Mode::live;
  next.then = command.then.value_or(followed);
  next.reason = clean_text(command.reason, base::limits::reason_bytes_max);
  if (stays && next.reason.empty()) next.reason = before.reason;
  next.by = by;
  return next;
}

core::ModeState mode_after(const core::ModeState& before, base::WallTime now) {
  core::ModeState next;
  next.mode = before.then;
  next.since = now;
  if (next.mode != core::Mode::live) next.reason = before.reason;
  next.by = "timer";
  return next;
}

}  // namespace drawbridge::control
