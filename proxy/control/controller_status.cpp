#include "proxy/control/controller.h"
#include "proxy/control/file_notes.h"
#include "proxy/control/history.h"
#include "proxy/control/reconcile.h"
#include "proxy/control/text.h"
#include "proxy/core/speech.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::control {
namespace {

PoolStatus pool_status(const core::PoolView& pool, const core::Snapshot& snapshot) {
  PoolStatus status;
  status.id = pool.id;
  status.name = pool.name;
  status.balance = pool.balance;
  status.servers = pool.servers;
  status.speaks = core::speech(pool);
  for (const auto& site : snapshot.sites) {
    const bool of_slice =
        site->split != nullptr && std::ranges::find(site->split->pools, &pool) != site->split->pools.end();
    if (site->pool == &pool || site->notice == &pool || of_slice) status.sites.push_back(site->name);
  }
  return status;
}

HistoryEntry::Site site_change(const std::string& name, const State& before, const State& after) {
  const auto mode_in = [&](const State& state) {
    const auto found = state.sites.find(name);
    return found == state.sites.end() ? std::string() : std::string(core::name(found->second.mode.mode));
  };
  return {.name = name, .before = mode_in(before), .after = mode_in(after)};
}

}  // namespace

Status Controller::status() const {
  const auto now = parts_.alarms.now();
  const auto& snapshot = publisher_.current();
  Status status;
  status.epoch = snapshot.epoch;
  status.now = now.wall;
  status.started_at = started_at_;
  for (const auto& site : snapshot.sites) status.sites.push_back(site_status(*site, now));
  for (const auto& pool : snapshot.pools) status.pools.push_back(pool_status(*pool, snapshot));
  status.warnings = warnings();
  return status;
}

SiteStatus Controller::site_status(const core::SiteView& site, const base::Now& now) const {
  const auto& state = state_.sites.at(site.name);
  SiteStatus status;
  status.id = site.id;
  status.name = site.name;
  status.mode = shown_mode(state);
  status.ends_in = remaining(state, now, parts_.boot_id);
  status.epoch = state.epoch;
  status.pool = state.pool;
  if (site.notice != nullptr) status.notice_pool = site.notice->name;
  status.parked_max = site.hold.requests_max;
  status.draining = changes_.draining(site.id);
  status.previous_pool = state.previous_pool;
  status.rolled_back = state.rolled_back;
  status.cutover = cutovers_.status(site.name);
  // Given up, its hold may outlast its deadline.
  const bool stops = status.cutover && status.cutover->stage == core::CutoverStage::stop;
  if (stops && status.cutover->left && status.mode.until == state.cutover->deadline)
    status.mode.until = now.wall + *status.cutover->left;
  if (const auto last = last_cutovers_.find(site.name); last != last_cutovers_.end()) {
    status.last_cutover = last->second;
  }
  for (const auto& slice : state.slices) {
    const auto id = ids_.slices.find(fmt::format("{} {}", site.name, slice_key(slice)));
    const auto writes = cutovers_.writes_since_flip(site.name, slice.match);
    status.slices.push_back(
        {.id = id.value(), .slice = slice, .writes = writes ? std::optional(writes->count) : std::nullopt});
  }
  return status;
}

std::vector<std::string> Controller::warnings() const {
  auto warnings = unfollowed_edits(config_, state_);
  if (!refused_reload_.empty()) warnings.insert(warnings.begin(), refused_reload_);
  for (const auto& warning : load_warnings_) warnings.push_back(warning.text);
  if (!store_warning_.empty()) warnings.push_back(store_warning_);
  std::vector<std::string> recovering;
  for (const auto& [name, site] : state_.sites) {
    if (site.configured && site.mode.by == recovery_name) recovering.push_back(name);
  }
  if (!recovering.empty()) {
    warnings.push_back(fmt::format("in maintenance since the state was lost: {}", join_names(recovering)));
  }
  if (!parts_.history.problem().empty()) {
    warnings.push_back(fmt::format("the history is not being written: {}", parts_.history.problem()));
  }
  return warnings;
}

std::vector<HistoryEntry> Controller::history(const std::string& site, std::size_t count_max) const {
  return parts_.history.list(site, count_max);
}

void Controller::record(const ChangeOrder& order, const std::string& reason, const State& before,
                        bool is_mode_change) {
  HistoryEntry entry;
  entry.at = order.receipt.published_at;
  entry.epoch = order.receipt.epoch;
  entry.what = order.receipt.what;
  entry.actor = order.actor;
  entry.reason = reason;
  const bool by_a_person = order.actor.uid >= 0;
  if (is_mode_change && by_a_person) note_seen(order.receipt.sites);
  for (const auto& name : order.receipt.sites) {
    entry.sites.push_back(is_mode_change ? site_change(name, before, state_) : HistoryEntry::Site{name, {}, {}});
  }
  parts_.events.info(is_mode_change ? "mode_changed" : "changed", {{"change", entry.what},
                                                                   {"sites", join_names(order.receipt.sites)},
                                                                   {"epoch", fmt::to_string(entry.epoch)},
                                                                   {"by", describe(entry.actor)},
                                                                   {"reason", entry.reason}});
  append_history(std::move(entry));
}

void Controller::record_end(const core::Receipt& receipt, const core::Actor& actor) {
  HistoryEntry entry;
  entry.kind = HistoryEntry::Kind::ended;
  entry.at = parts_.alarms.now().wall;
  entry.epoch = receipt.epoch;
  entry.what = receipt.what;
  entry.actor = actor;
  for (const auto& name : receipt.sites) entry.sites.push_back({name, {}, {}});
  entry.outcome = receipt.outcome;
  entry.fenced = receipt.fenced;
  entry.drained = receipt.drained;
  entry.ended = receipt.ended;
  entry.cut = receipt.cut_counts;
  entry.unknown = receipt.unknown_counts;
  entry.outstanding = receipt.outstanding_counts;
  entry.note = receipt.note;
  append_history(std::move(entry));
}

// Which modes a process came up with: after a crash the first thing one wants to know.
void Controller::record_start(const State& before) {
  HistoryEntry entry;
  entry.at = started_at_;
  entry.epoch = state_.epoch;
  entry.what = "start";
  entry.actor.name = "proxyd";
  std::vector<std::string> not_live;
  for (const auto& [name, site] : state_.sites) {
    if (!site.configured) continue;
    entry.sites.push_back(site_change(name, before, state_));
    if (site.mode.mode != core::Mode::live) not_live.push_back(name);
  }
  parts_.events.info("started", {{"epoch", fmt::to_string(state_.epoch)},
                                 {"sites", fmt::to_string(entry.sites.size())},
                                 {"not_live", join_names(not_live)}});
  append_history(std::move(entry));
}

void Controller::append_history(HistoryEntry entry) {
  const bool was_fine = parts_.history.problem().empty();
  // Whoever waits in a hold of a cutover would wait for the disk as well; the entry of its end takes this one
  // along.
  parts_.history.append(std::move(entry), cutovers_.is_holding() ? History::Sync::later : History::Sync::now);
  const auto& problem = parts_.history.problem();
  if (!problem.empty()) parts_.events.error("history_not_written", {{"problem", problem}});
  if (problem.empty() && !was_fine) parts_.events.info("history_written_again");
}

}  // namespace drawbridge::control
