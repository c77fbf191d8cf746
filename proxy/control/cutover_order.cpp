#include "proxy/control/cutover_order.h"

#include "config/nearest.h"
#include "proxy/base/limits.h"
#include "proxy/control/mode_order.h"
#include "proxy/control/slices.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::control {
namespace {

constexpr base::Millis watch_max{24LL * 3'600'000};

std::unexpected<Refusal> refuse(RefusalCode code, std::string message, std::string hint = {}) {
  return std::unexpected(Refusal{.code = code, .message = std::move(message), .hint = std::move(hint)});
}

std::expected<void, Refusal> check_pool(const core::CutoverCommand& command, const config::Config& config,
                                        const SiteState& site) {
  if (command.to.empty()) {
    return refuse(RefusalCode::refused,
                  fmt::format("{} has no pool to go back to: it was never cut over", command.site));
  }
  if (config.find_pool(command.to) == nullptr) {
    std::vector<std::string_view> known;
    for (const auto& pool : config.pools) known.push_back(pool.name);
    const auto near = config::nearest(command.to, known);
    return refuse(RefusalCode::unknown_pool, fmt::format("no pool '{}' is configured", command.to),
                  near.empty() ? std::string() : fmt::format("did you mean '{}'?", near));
  }
  if (!is_partial(command, site) && command.to == site.pool) {
    return refuse(RefusalCode::refused, fmt::format("{} is on {} already", command.site, command.to));
  }
  return {};
}

// The pool of before is now the one that was left for good reason: who gives the command twice does not want it.
std::expected<void, Refusal> check_undone(const core::CutoverCommand& command, const SiteState& site) {
  if (!command.rollback || !command.match.empty() || !site.rolled_back) return {};
  return refuse(
      RefusalCode::refused,
      fmt::format("{} was rolled back already, from {}: it is on {}", command.site, site.previous_pool, site.pool),
      fmt::format("to go to {} again: proxyctl cutover {} --to {}", site.previous_pool, command.site,
                  site.previous_pool));
}

// The slice as it is shown, and where its rollback goes.
std::expected<void, Refusal> name_slice(core::CutoverCommand& command, const config::Site& site,
                                        const SiteState& now) {
  if (command.match.empty()) return {};
  if (command.then)
    return refuse(RefusalCode::bad_request, "--then is of the whole site: it does not go with --match");
  const auto move = plan_partial(command, site, now, {}, {});
  if (!move) return std::unexpected(move.error());
  command.match = move->match;
  command.to = move->to;
  return {};
}

// What is left to check once the pool is known.
std::expected<void, Refusal> check_slices(const core::CutoverCommand& command, const config::Config& config,
                                          const SiteState& now) {
  if (!is_partial(command, now)) return {};
  const auto move = plan_partial(command, *config.find_site(command.site), now, {}, {});
  if (!move) return std::unexpected(move.error());
  for (const auto& slice : move->after.slices) {
    if (config.find_pool(slice.pool) != nullptr) continue;
    return refuse(RefusalCode::refused, fmt::format("the slice {} would be on {} again, which is not configured",
                                                    slice.match, slice.pool));
  }
  return {};
}

std::expected<void, Refusal> check_times(const core::CutoverCommand& command, const config::Site& site,
                                         std::optional<base::Millis> hold_left) {
  const auto deadline = *command.deadline;
  if (hold_left && deadline > *hold_left) {
    return refuse(RefusalCode::bad_request,
                  fmt::format("{} is in hold, which ends in {}: --deadline is at most that", site.name,
                              base::describe_duration(*hold_left)),
                  "a longer hold: proxyctl mode hold --for");
  }
  if (deadline.count() <= 0) return refuse(RefusalCode::bad_request, "--deadline must be longer than nothing");
  if (deadline > site.hold.max_total) {
    return refuse(RefusalCode::bad_request,
                  fmt::format("{} may be held for at most {} (hold.max_total), so --deadline "
                              "is at most that",
                              site.name, base::format_duration(site.hold.max_total)));
  }
  if (command.drain_timeout->count() < 0 || *command.drain_timeout > deadline) {
    return refuse(RefusalCode::bad_request,
                  fmt::format("--drain is at most the deadline, {}", base::format_duration(deadline)));
  }
  return {};
}

std::expected<void, Refusal> check_words(const core::CutoverCommand& command) {
  if (!command.check.empty() && command.check.front() != '/') {
    return refuse(RefusalCode::bad_request, "--check is a path: it begins with '/'");
  }
  const bool plain = std::ranges::all_of(command.check, [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain) return refuse(RefusalCode::bad_request, "--check is a path as it stands in a request line");
  if (command.then == core::Mode::hold) {
    return refuse(RefusalCode::bad_request, "--then hold: a hold must be commanded, not follow by itself");
  }
  if (command.return_on_errors && command.watch.count() <= 0) {
    return refuse(RefusalCode::bad_request, "--return-on-errors needs --watch");
  }
  if (command.watch > watch_max) return refuse(RefusalCode::bad_request, "--watch is at most 24h");
  if (command.discard_writes && !command.rollback && !command.return_on_errors) {
    return refuse(RefusalCode::bad_request, "--discard-writes belongs to rollback and to --return-on-errors");
  }
  if (command.reason.size() > base::limits::reason_bytes_max) {
    return refuse(RefusalCode::bad_request, "the reason is too long");
  }
  return {};
}

}  // namespace

std::expected<core::CutoverCommand, Refusal> complete_cutover(core::CutoverCommand command,
                                                              const config::Config& config, const State& state,
                                                              std::optional<base::Millis> mode_left) {
  if (const auto sites = resolve_sites(config, {command.site}); !sites) return std::unexpected(sites.error());
  const auto& site = *config.find_site(command.site);
  const auto& now = state.sites.at(command.site);
  if (auto undone = check_undone(command, now); !undone) return std::unexpected(undone.error());
  if (command.rollback && command.match.empty()) command.to = now.previous_pool;
  if (auto named = name_slice(command, site, now); !named) return std::unexpected(named.error());
  if (auto checked = check_pool(command, config, now); !checked) return std::unexpected(checked.error());
  if (auto checked = check_slices(command, config, now); !checked) return std::unexpected(checked.error());
  const bool holds_all = site.hold.scope == config::HoldScope::all;
  if (!command.hold) command.hold = holds_all ? core::HoldScope::all : core::HoldScope::writes;
  const auto hold_left = now.mode.mode == core::Mode::hold ? mode_left : std::nullopt;
  if (hold_left) command.hold = std::max(*command.hold, now.mode.scope);
  if (!command.deadline) command.deadline = std::min(site.hold.max_total, hold_left.value_or(site.hold.max_total));
  if (!command.drain_timeout) command.drain_timeout = std::min(site.drain.timeout, *command.deadline);
  if (auto checked = check_times(command, site, hold_left); !checked) return std::unexpected(checked.error());
  if (auto checked = check_words(command); !checked) return std::unexpected(checked.error());
  if (command.return_on_errors && (!command.match.empty() || !now.slices.empty())) {
    return refuse(RefusalCode::bad_request, "--return-on-errors is for whole sites on one pool",
                  "--watch alone reports, and rollback goes back");
  }
  command.reason = clean_text(command.reason, base::limits::reason_bytes_max);
  return command;
}

}  // namespace drawbridge::control
