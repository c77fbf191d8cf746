#include "proxy/control/controller.h"
#include "proxy/control/cutover_order.h"
#include "proxy/control/history.h"
#include "proxy/control/mode_order.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <utility>

namespace drawbridge::control {

Controller::Checked Controller::change_pool(const core::CutoverCommand& command, const core::Actor& actor,
                                            Completion& completion) {
  const auto known = state_.sites.find(command.site);
  const auto mode_left =
      known == state_.sites.end() ? std::nullopt : remaining(known->second, parts_.alarms.now(), parts_.boot_id);
  auto complete = complete_cutover(command, config_, state_, mode_left);
  if (!complete) return std::unexpected(std::move(complete.error()));
  if (auto free = cutovers_.check_free(complete->site); !free) return free;
  if (auto checked = check_rollback(*complete); !checked) return checked;
  (void)cutovers_.abort(complete->site, actor);  // a watch
  cutovers_.start(std::move(*complete), actor, std::move(completion));
  return {};
}

Controller::Checked Controller::check_rollback(const core::CutoverCommand& command) const {
  if (!command.rollback || command.discard_writes) return {};
  const auto writes = cutovers_.writes_since_flip(command.site, command.match);
  if (writes && writes->exact && writes->count == 0) return {};
  const auto& site = state_.sites.at(command.site);
  auto pool = site.pool;
  if (!command.match.empty()) pool = find_slice(site.slices, slice_key({.match = command.match}))->pool;
  const auto count =
      writes && writes->exact
          ? fmt::format("{} has accepted {} since the cutover", pool, counted(writes->count, "write"))
          : fmt::format(
                "{} has accepted at least {} since the cutover; how many is not known: proxyd did not end in "
                "order since",
                pool, counted(writes ? writes->count : 0, "write"));
  return std::unexpected(
      Refusal{.code = RefusalCode::refused,
              .message = count,
              .hint = fmt::format("they are not on {}; --discard-writes goes back without them", command.to)});
}

std::expected<void, Refusal> Controller::run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                                   const std::string& output, bool stopped) {
  return cutovers_.run_ended(site, id, {.exit_code = exit_code, .output = output, .stopped = stopped});
}

std::expected<void, Refusal> Controller::abort_cutover(const std::string& site, const core::Actor& actor,
                                                       bool now) {
  if (const auto sites = resolve_sites(config_, {site}); !sites) return std::unexpected(sites.error());
  const auto ended = cutovers_.abort(site, actor, now);
  if (ended) parts_.events.info("cutover_aborted", {{"site", site}, {"by", describe(actor)}});
  return ended;
}

// From now on the disk knows a lower bound: this process may be killed.
std::map<std::string, AcceptedWrites> Controller::take_accepted(State& state) {
  std::map<std::string, AcceptedWrites> taken;
  for (auto& [name, site] : state.sites) {
    if (!site.accepted || !site.configured) continue;
    taken.emplace(name, *site.accepted);
    site.accepted->exact = false;
  }
  return taken;
}

// Counts of this process, beside what was known before it: a process that ends in order knows them all.
void Controller::note_accepted(State& state, bool exact) const {
  for (auto& [name, site] : state.sites) {
    const auto writes = cutovers_.writes_since_flip(name);
    if (site.previous_pool.empty() || !writes) continue;
    site.accepted = {.count = writes->count, .exact = writes->exact && exact};
  }
}

// What a process that was killed left behind: the pool and the mode beside the record are already the right ones.
void Controller::end_old_cutovers(State& state) {
  for (auto& [name, site] : state.sites) {
    if (!site.cutover) continue;
    const auto record = *std::exchange(site.cutover, std::nullopt);
    const bool flipped = core::has_flipped(record.stage);
    const auto what = flipped ? "made before proxyd ended" : "failed back when proxyd ended";
    const bool whole = record.match.empty();
    const auto pool = whole ? site.pool : flipped ? record.to : record.from;
    const auto of_match = whole ? std::string() : " of " + record.match;
    const auto sentence = fmt::format("{}: the cutover{} from {} to {} by {} {}, in stage {}; {} is on {}", name,
                                      of_match, record.from, record.to, record.by, what, core::name(record.stage),
                                      whole ? "the site" : "it", pool);
    parts_.events.warning(flipped ? "cutover_found_made" : "cutover_failed_back",
                          {{"site", name},
                           {"from", record.from},
                           {"to", record.to},
                           {"stage", std::string(core::name(record.stage))},
                           {"match", record.match},
                           {"pool", pool},
                           {"by", record.by}});
    load_warnings_.push_back({.text = sentence, .sites = {name}});
    HistoryEntry entry;
    entry.at = started_at_;
    entry.epoch = state.epoch;
    entry.what = fmt::format("cutover{} to {}: {}", of_match, record.to, flipped ? "found made" : "back");
    entry.actor.name = "proxyd";
    entry.reason = fmt::format("proxyd ended in stage {}", core::name(record.stage));
    entry.sites.push_back({name, record.from, pool});
    append_history(std::move(entry));
  }
}

void Controller::record_cutover(const ChangeOrder& order, const Cutovers::Fence& what) {
  HistoryEntry entry;
  entry.at = order.receipt.published_at;
  entry.epoch = order.receipt.epoch;
  entry.what = what.what;
  entry.actor = what.actor;
  entry.reason = what.reason;
  entry.output = what.output;
  for (const auto& name : order.receipt.sites) entry.sites.push_back({name, what.before, what.after});
  note_seen(order.receipt.sites);
  parts_.events.info("cutover", {{"change", entry.what},
                                 {"sites", join_names(order.receipt.sites)},
                                 {"epoch", fmt::to_string(entry.epoch)},
                                 {"by", describe(entry.actor)},
                                 {"reason", entry.reason}});
  append_history(std::move(entry));
}

}  // namespace drawbridge::control
