#include "proxy/control/cutover_transaction.h"
#include "proxy/control/slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace drawbridge::control {
namespace {

constexpr base::Millis sample_interval{500};

// `rest`: the pool of what no slice matches.
bool goes_back(const SliceState& slice, const std::string& to, const std::string& rest) {
  if (slice.pool == to || slice.before.empty()) return false;
  const auto& last = slice.before.back();
  return to == (last.pool.empty() ? rest : last.pool);
}

}  // namespace

void Cutovers::watch(Transaction& transaction) {
  transaction.watch_begun = alarms_.now().steady;
  look_at_new_pool(transaction);
}

void Cutovers::look_at_new_pool(Transaction& transaction) {
  if (transaction.machine.stage != core::CutoverStage::watch) return;
  const auto now = alarms_.now().steady;
  const auto answered = hands_.answered(transaction.command.to);
  const core::WatchSample sample{.requests = answered.requests - transaction.answered_before.requests,
                                 .errors = answered.errors - transaction.answered_before.errors};
  transaction.result.watched = {.lasted = std::chrono::duration_cast<base::Millis>(now - transaction.watch_begun),
                                .sample = sample};
  tell(transaction, {});
  const auto writes = writes_since_flip(transaction.command.site, transaction.command.match);
  const bool clean = writes && writes->exact && writes->count == 0;
  alarms_.at(now + sample_interval,
             for_transaction(transaction, [](Cutovers& self, Transaction& one) { self.look_at_new_pool(one); }));
  feed(transaction, {.kind = core::CutoverEvent::Kind::watched,
                     .ok = clean || transaction.command.discard_writes,
                     .sample = sample});
}

// What it has told so far was of the way there; the receipt will be of the way back, and say why.
void Cutovers::turn_back(Transaction& transaction) {
  const auto there = std::exchange(transaction.result, {});
  auto& command = transaction.command;
  command.to = there.from;
  command.rollback = true;
  command.run = false;
  command.check.clear();
  command.then.reset();
  command.reason = fmt::format("{} of {} answers of {} were errors", there.watched->sample.errors,
                               there.watched->sample.requests, there.to);
  transaction.before = hands_.site(command.site);
  transaction.before.cutover.reset();
  transaction.result.from = there.to;
  transaction.result.to = there.from;
  transaction.result.watched = there.watched;
  transaction.left_at = there.flip_at;
  transaction.receipt = {};
  transaction.hold_ended.reset();
  transaction.refusal = {};
  transaction.problem.clear();
}

// A slice that is rolled back is as it was before its last cutover, and so is the count that its next rollback
// asks.
void Cutovers::count_flip(const Transaction& transaction) {
  const auto& command = transaction.command;
  if (command.match.empty()) {
    baselines_[command.site] = {.before = {.count = 0, .exact = true},
                                .served = hands_.served(command.site).writes};
    // The slices end; should a rollback bring them back, nobody knows what they were sent meanwhile.
    std::erase_if(slice_writes_at_flip_,
                  [prefix = command.site + " "](const auto& entry) { return entry.first.starts_with(prefix); });
    return;
  }
  const auto key = slice_key({.match = command.match});
  auto& counts = slice_writes_at_flip_[fmt::format("{} {}", command.site, key)];
  if (!command.rollback) return counts.push_back(hands_.slice_writes(command.site, key));
  if (!counts.empty()) counts.pop_back();
}

std::optional<AcceptedWrites> Cutovers::writes_since_flip(const std::string& site, const std::string& match) const {
  if (!match.empty()) {
    const auto key = slice_key({.match = match});
    const auto counts = slice_writes_at_flip_.find(fmt::format("{} {}", site, key));
    if (counts == slice_writes_at_flip_.end() || counts->second.empty()) return std::nullopt;
    return AcceptedWrites{.count = hands_.slice_writes(site, key) - counts->second.back(), .exact = true};
  }
  const auto found = baselines_.find(site);
  if (found == baselines_.end()) return std::nullopt;
  const auto& [before, served] = found->second;
  const auto now = hands_.served(site).writes;
  return AcceptedWrites{.count = before.count + now - std::min(now, served), .exact = before.exact};
}

// A rollback gives up what the pool that is left has accepted. A cutover to the pool of before is no other way, but
// for the name, and is told the number; it may be the next move of a pair of pools that takes turns.
void Cutovers::count_left_behind(Transaction& transaction) const {
  const auto& command = transaction.command;
  const auto& before = transaction.before;
  AcceptedWrites total{.count = 0, .exact = true};
  const auto add = [&](const std::string& match) {
    const auto writes = writes_since_flip(command.site, match);
    total.count += writes ? writes->count : 0;
    total.exact = total.exact && writes && writes->exact;
  };
  if (command.match.empty() && (command.rollback || command.to == before.previous_pool)) add({});
  for (const auto& slice : before.slices) {
    const bool moves = command.match.empty() || slice_key(slice) == slice_key({.match = command.match});
    if (moves && (command.rollback || goes_back(slice, command.to, before.pool))) add(slice.match);
  }
  transaction.result.discards = command.rollback;
  transaction.result.writes_exact = total.exact;
  transaction.result.writes.reset();
  if (command.rollback || total.count > 0 || !total.exact) transaction.result.writes = total.count;
}

void Cutovers::restore(const std::string& site, const AcceptedWrites& accepted) {
  baselines_[site] = {.before = accepted, .served = hands_.served(site).writes};
}

}  // namespace drawbridge::control
