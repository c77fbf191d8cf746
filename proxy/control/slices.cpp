#include "proxy/control/slices.h"

#include "proxy/base/check.h"
#include "proxy/base/limits.h"
#include "proxy/control/text.h"
#include "proxy/core/slice_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

using core::SliceMatch;
using Kind = SliceMatch::Kind;

constexpr std::size_t steps_kept_max = 32;  // of rollback, a slice

std::unexpected<Refusal> refuse(RefusalCode code, std::string message, std::string hint = {}) {
  return std::unexpected(Refusal{.code = code, .message = std::move(message), .hint = std::move(hint)});
}

// Of a slice that stands in the state: it was parsed when it came there.
SliceMatch match_of(const SliceState& slice) {
  auto match = SliceMatch::parse(slice.match);
  DRAWBRIDGE_CHECK(match.has_value());
  return std::move(*match);
}

std::vector<SliceState>::iterator find(std::vector<SliceState>& slices, const std::string& key) {
  return std::ranges::find_if(slices, [&](const SliceState& slice) { return slice_key(slice) == key; });
}

// In the order in which they are asked: by kind, a percentage last; then as they were made.
void insert(std::vector<SliceState>& slices, Kind kind, SliceState made) {
  const auto at =
      std::ranges::find_if(slices, [&](const SliceState& slice) { return match_of(slice).kind() > kind; });
  slices.insert(at, std::move(made));
}

void add_pool(std::vector<std::string>& pools, const std::string& pool, const std::string& to) {
  if (pool != to && std::ranges::find(pools, pool) == pools.end()) pools.push_back(pool);
}

std::expected<SliceMatch, Refusal> parse(const core::CutoverCommand& command, const config::Site& config) {
  auto match = SliceMatch::parse(command.match);
  if (!match) return refuse(RefusalCode::bad_request, match.error().message);
  if (!command.rollback && !match->may_be_of(config.hosts, config.paths)) {
    return refuse(RefusalCode::refused, fmt::format("no request of {} can match {}", config.name, match->text()),
                  match->kind() == Kind::host ? "the hosts of a site are those of its configuration"
                                              : "the paths of a site are those of its configuration");
  }
  return std::move(*match);
}

// No two slices on different pools may meet; a percentage yields to all, and there is one.
std::expected<void, Refusal> check_others(const SliceMatch& match, const std::string& to, const SiteState& site) {
  for (const auto& slice : site.slices) {
    const auto other = match_of(slice);
    if (other.key() == match.key()) continue;
    if (match.kind() == Kind::percent && other.kind() == Kind::percent) {
      return refuse(RefusalCode::refused,
                    fmt::format("a site has one percentage, and this one has {} on {}", other.text(), slice.pool),
                    "roll it back first, or let it grow");
    }
    if (match.kind() == Kind::percent || other.kind() == Kind::percent || slice.pool == to) continue;
    if (!match.may_overlap(other)) continue;
    return refuse(RefusalCode::refused,
                  fmt::format("a request may match both {} and the slice {}, which is on {}", match.text(),
                              other.text(), slice.pool),
                  fmt::format("slices on different pools must not meet: move or roll back {} first", other.text()));
  }
  return {};
}

// An existing percentage grows where it is, or moves as it is.
std::expected<void, Refusal> check_percentage(const SliceMatch& match, const SliceState& slice,
                                              const std::string& to) {
  const auto before = match_of(slice);
  if (match.kind() != Kind::percent || match.hundredths() == before.hundredths()) return {};
  if (match.hundredths() < before.hundredths()) {
    return refuse(
        RefusalCode::refused,
        fmt::format("{} is on {}: a smaller percentage would send clients back", before.text(), slice.pool),
        "rollback does that, and counts what it would leave behind");
  }
  if (slice.pool == to) return {};
  return refuse(RefusalCode::refused,
                fmt::format("{} is on {}: it can grow there, or move as it is", before.text(), slice.pool),
                "one after the other, in two cutovers");
}

// Where the requests of a match are that have no slice of their own yet.
std::vector<std::string> pools_left(const SliceMatch& match, const std::string& to, const SiteState& site) {
  std::vector<std::string> pools;
  add_pool(pools, site.pool, to);
  for (const auto& slice : site.slices) {
    if (match_of(slice).kind() == Kind::percent && match.kind() != Kind::percent) add_pool(pools, slice.pool, to);
  }
  return pools;
}

std::expected<PartialMove, Refusal> move_slice(const core::CutoverCommand& command, const config::Site& config,
                                               const SiteState& site, SliceState made) {
  auto match = parse(command, config);
  if (!match) return std::unexpected(std::move(match.error()));
  if (auto checked = check_others(*match, command.to, site); !checked) return std::unexpected(checked.error());
  PartialMove move{
      .after = {.pool = site.pool, .slices = site.slices}, .match = match->text(), .from = {}, .to = command.to};
  auto& slices = move.after.slices;
  const auto found = find(slices, match->key());
  made.match = match->text();
  made.pool = command.to;
  if (found == slices.end()) {
    move.from = pools_left(*match, command.to, site);
    if (slices.size() >= base::limits::slices_per_site_max) {
      return refuse(RefusalCode::refused,
                    fmt::format("{} has {} slices, and may have no more", config.name, slices.size()),
                    "move the whole site, which ends them");
    }
    made.before.emplace_back();
    insert(slices, match->kind(), std::move(made));
  } else {
    if (auto checked = check_percentage(*match, *found, command.to); !checked)
      return std::unexpected(checked.error());
    const bool grows = found->pool == command.to && found->match != made.match && match->kind() == Kind::percent;
    if (grows) move.from = pools_left(*match, command.to, site);
    if (!grows) add_pool(move.from, found->pool, command.to);
    made.before = found->before;
    // The first step is the way out, and is kept.
    if (made.before.size() >= steps_kept_max) made.before.erase(made.before.begin() + 1);
    made.before.push_back({.match = found->match, .pool = found->pool});
    *found = std::move(made);
  }
  if (move.from.empty()) {
    return refuse(RefusalCode::refused,
                  fmt::format("{} of {} is on {} already", match->text(), config.name, command.to));
  }
  return move;
}

std::expected<PartialMove, Refusal> return_slice(const core::CutoverCommand& command, const config::Site& config,
                                                 const SiteState& site, SliceState made) {
  auto match = parse(command, config);
  if (!match) return std::unexpected(std::move(match.error()));
  PartialMove move{.after = {.pool = site.pool, .slices = site.slices}, .match = {}, .from = {}, .to = site.pool};
  auto& slices = move.after.slices;
  const auto found = find(slices, match->key());
  if (found == slices.end() || (match->kind() == Kind::percent && found->match != match->text())) {
    return refuse(RefusalCode::refused, fmt::format("{} has no slice {}", config.name, match->text()),
                  slices.empty() ? fmt::format("there are no slices of {}", config.name)
                                 : fmt::format("there is {}", describe_slices(slices)));
  }
  move.match = found->match;
  move.from = {found->pool};
  const auto before = found->before.back();
  if (before.pool.empty()) {
    slices.erase(found);
  } else {
    if (auto checked = check_others(*match, before.pool, site); !checked) return std::unexpected(checked.error());
    if (before.match == found->match) move.to = before.pool;
    made.match = before.match;
    made.pool = before.pool;
    made.before = std::move(found->before);
    made.before.pop_back();
    *found = std::move(made);
  }
  return move;
}

std::expected<PartialMove, Refusal> move_all(const core::CutoverCommand& command, const config::Site& config,
                                             const SiteState& site) {
  PartialMove move{.after = {.pool = command.to, .slices = {}}, .match = {}, .from = {}, .to = command.to};
  add_pool(move.from, site.pool, command.to);
  for (const auto& slice : site.slices) add_pool(move.from, slice.pool, command.to);
  if (move.from.empty()) {
    // Nothing moves, but what is on its own today would be no more.
    return refuse(RefusalCode::refused, fmt::format("all of {} is on {} already", config.name, command.to));
  }
  return move;
}

std::expected<PartialMove, Refusal> return_all(const config::Site& config, const SiteState& site) {
  if (!site.slices.empty()) {
    return refuse(RefusalCode::refused,
                  fmt::format("{} was split after its last cutover: {}", config.name, describe_slices(site.slices)),
                  fmt::format("roll back the slices first, or move all of it: proxyctl cutover {} --to {}",
                              config.name, site.previous_pool));
  }
  PartialMove move{.after = {.pool = site.previous_pool, .slices = site.previous_slices},
                   .match = {},
                   .from = {},
                   .to = site.previous_pool};
  add_pool(move.from, site.pool, {});
  return move;
}

}  // namespace

std::expected<PartialMove, Refusal> plan_partial(const core::CutoverCommand& command, const config::Site& config,
                                                 const SiteState& site, base::WallTime now, const std::string& by) {
  if (command.match.empty()) return command.rollback ? return_all(config, site) : move_all(command, config, site);
  SliceState made;
  made.since = now;
  made.by = by;
  made.reason = command.reason;
  if (command.rollback) return return_slice(command, config, site, std::move(made));
  return move_slice(command, config, site, std::move(made));
}

bool is_partial(const core::CutoverCommand& command, const SiteState& site) {
  return !command.match.empty() || !site.slices.empty() || (command.rollback && !site.previous_slices.empty());
}

std::string slice_key(const SliceState& slice) {
  return match_of(slice).key();
}

const SliceState* find_slice(const std::vector<SliceState>& slices, const std::string& key) {
  const auto found = std::ranges::find_if(slices, [&](const SliceState& slice) { return slice_key(slice) == key; });
  return found == slices.end() ? nullptr : &*found;
}

std::vector<std::string> pools_of(const SiteState& site, const std::string& match) {
  std::vector<std::string> pools;
  const auto wanted = match.empty() ? std::nullopt : std::optional(match_of({.match = match}));
  for (const auto& slice : site.slices) {
    const auto part = match_of(slice);
    const bool same = wanted && part.key() == wanted->key();
    if (same && part.hundredths() >= wanted->hundredths()) return {slice.pool};
    const bool shares = same || part.kind() == Kind::percent;  // of the clients of a named slice too
    if (!wanted || shares) pools.push_back(slice.pool);
  }
  pools.push_back(site.pool);
  return pools;
}

std::string describe_slices(const std::vector<SliceState>& slices) {
  std::vector<std::string> texts;
  for (const auto& slice : slices) texts.push_back(fmt::format("{} on {}", slice.match, slice.pool));
  return join_names(texts);
}

}  // namespace drawbridge::control
