#include "proxy/control/changes.h"
#include "proxy/control/cutover_transaction.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

std::string way_out(const std::string& site, const CutoverStatus& held) {
  if (!held.left) return {};
  const auto left = base::describe_duration(*held.left);
  if (held.stage != core::CutoverStage::stop)
    return fmt::format("it ends within {}; to give it up: proxyctl cutover {} --abort", left, site);
  return fmt::format(
      "it is given up, and ends within {}; if you know that nothing of its command runs: proxyctl cutover {} "
      "--abort --now",
      left, site);
}

}  // namespace

std::string Cutovers::cause_text(const Transaction& transaction) const {
  const auto& result = transaction.result;
  switch (transaction.machine.failure) {
    case core::CutoverFailure::none:
      return {};
    case core::CutoverFailure::guard:
      return transaction.problem;
    case core::CutoverFailure::not_stored:
      return fmt::format("stage {} could not be stored: {}{}", core::name(result.failed_at), transaction.problem,
                         transaction.uncertain && result.failed_at == core::CutoverStage::flip
                             ? fmt::format(". The disk may say otherwise: until a change is stored, a restart may "
                                           "come up on {}",
                                           result.to)
                             : std::string());
    case core::CutoverFailure::undrained:
      return "the drain deadline passed with requests open";
    case core::CutoverFailure::unknown:
      return fmt::format("the outcome of {} is unknown, and --cut was not given: the server may still be at it",
                         counted(transaction.receipt.unknown_counts.total(), "write"));
    case core::CutoverFailure::run:
      return fmt::format("the command ended with {}", result.exit_code.value_or(-1));
    case core::CutoverFailure::check:
      return fmt::format("the check of {} failed: {}", result.to, transaction.problem);
    case core::CutoverFailure::writes:
      return fmt::format("{} has accepted {}{} since the cutover, and --discard-writes was not given", result.from,
                         result.writes_exact ? "" : "at least ", counted(result.writes.value_or(0), "write"));
    case core::CutoverFailure::deadline:
      return fmt::format("the deadline of {} passed in stage {}",
                         base::format_duration(transaction.machine.plan.deadline), core::name(result.failed_at));
    case core::CutoverFailure::gone:
      return fmt::format("whoever asked for it hung up in stage {}", core::name(result.failed_at));
    case core::CutoverFailure::errors:
      return fmt::format("{} of {} answers of {} were errors, in {}", result.watched->sample.errors,
                         result.watched->sample.requests, result.to,
                         base::describe_duration(result.watched->lasted)) +
             (transaction.machine.plan.return_on_errors
                  ? fmt::format("; it has accepted writes, and --discard-writes was not given, so {} stays there",
                                transaction.command.site)
                  : std::string());
    case core::CutoverFailure::aborted:
      return fmt::format("{} ended it in stage {}", transaction.ended_by, core::name(result.failed_at));
  }
  return {};
}

std::string Cutovers::failure_text(const Transaction& transaction) const {
  auto text = cause_text(transaction);
  if (transaction.machine.unheard)
    text += "; that its command has ended was not heard: see that nothing of it runs";
  return text;
}

// A rollback that was refused by the disk or the guard has changed nothing; nor has a cutover. A watch that found
// errors has, whichever way it ended.
core::Outcome Cutovers::outcome_of(const Transaction& transaction) const {
  const auto& machine = transaction.machine;
  const bool failed = machine.stage == core::CutoverStage::failed_back;
  if (machine.returning) return failed ? core::Outcome::watch_failed : core::Outcome::returned;
  if (failed) return core::Outcome::failed_back;
  if (machine.failure == core::CutoverFailure::errors) return core::Outcome::watch_failed;
  if (!transaction.ended_by.empty()) return core::Outcome::superseded;
  const auto& receipt = transaction.receipt;
  return receipt.cut_counts.total() + receipt.unknown_counts.total() > 0 ? core::Outcome::cut : core::Outcome::done;
}

std::string Cutovers::note_of(const Transaction& transaction) const {
  const auto& result = transaction.result;
  switch (outcome_of(transaction)) {
    case core::Outcome::failed_back:
      return failure_text(transaction);
    case core::Outcome::returned:
      return transaction.command.reason;
    case core::Outcome::watch_failed:
      if (!transaction.machine.returning) return failure_text(transaction);
      return fmt::format("{}, but the way back to {} failed: {}", transaction.command.reason, result.to,
                         failure_text(transaction));
    case core::Outcome::done:
    case core::Outcome::cut:
    case core::Outcome::unknown:
    case core::Outcome::outstanding:
    case core::Outcome::superseded:
      break;
  }
  if (!transaction.ended_by.empty()) return fmt::format("{} ended the watch", transaction.ended_by);
  return result.dry_run ? transaction.problem : std::string();
}

std::string Cutovers::tunnels_text(const Transaction& transaction, std::uint64_t open) {
  if (open == 0) return {};
  const auto& [site, from] = std::pair(transaction.command.site, transaction.result.from);
  if (transaction.command.run) {
    return fmt::format(
        "{} of {} open: told to go as the hold begins; what has not gone after {} is cut, and then the "
        "command begins",
        counted(open, "tunnel"), site, base::describe_duration(ChangeOrder::tunnel_hurry));
  }
  return fmt::format("{} of {} open: told to go after the flip; until they have gone they may write to {}",
                     counted(open, "tunnel"), site, from);
}

void Cutovers::report(Transaction& transaction) {
  const auto ended = transactions_.extract(transaction.command.site);
  const auto& name = transaction.command.site;
  alarms_.cancel(transaction.deadline);
  alarms_.cancel(transaction.next_look);
  const bool failed = transaction.machine.stage == core::CutoverStage::failed_back;
  // The record of a cutover that is over tells nothing; a disk that does not take it away now does so later.
  auto site = hands_.site(name);
  if (site.cutover) {
    site.cutover.reset();
    (void)hands_.note(name, site);
  }
  const auto outcome = outcome_of(transaction);
  const bool came_back = outcome == core::Outcome::failed_back || outcome == core::Outcome::returned;
  const bool began = transaction.hold_ended.has_value();
  hands_.ended(
      name, began ? std::optional(outcome) : std::nullopt,
      came_back ? fmt::format("{} is on {}, the cutover came to nothing: {}", name, site.pool, note_of(transaction))
                : std::string());
  if (!transaction.completion.done) return;
  auto& receipt = transaction.receipt;
  if (outcome == core::Outcome::failed_back && !transaction.hold_ended) {
    auto refusal = transaction.refusal;
    if (refusal.message.empty()) refusal.message = failure_text(transaction);
    alarms_.post([done = std::move(transaction.completion.done), refusal] { done(std::unexpected(refusal)); });
    return;
  }
  if (transaction.command.dry_run) count_left_behind(transaction);
  receipt.what = transaction.what("");
  receipt.sites = {name};
  receipt.outcome = outcome;
  receipt.note = note_of(transaction);
  transaction.result.mode = site.mode.mode;
  transaction.result.mode_before = transaction.before.mode.mode;
  const auto now = alarms_.now();
  if (!transaction.hold_ended) {
    receipt.epoch = hands_.epoch();
    receipt.published_at = now.wall;
  } else {
    transaction.result.held = std::chrono::duration_cast<base::Millis>(*transaction.hold_ended - transaction.held);
  }
  const auto first_write = hands_.served(name).first_write;
  if (!failed && first_write && !transaction.partial)
    transaction.result.first_write_at = wall_of(*first_write, now);
  receipt.cutover = transaction.result;
  alarms_.post([done = std::move(transaction.completion.done), receipt] { done(receipt); });
}

void Cutovers::tell(Transaction& transaction, Progress progress) {
  if (!transaction.completion.progress) return;
  const auto now = alarms_.now().steady;
  const auto& machine = transaction.machine;
  const auto left = machine.ends_at().value_or(now) - now;
  progress.epoch = transaction.record.id;
  progress.elapsed = std::chrono::duration_cast<base::Millis>(now - transaction.held);
  progress.cutover =
      CutoverProgress{.id = transaction.record.id,
                      .stage = transaction.machine.stage,
                      .site = transaction.command.site,
                      .from = transaction.result.from,
                      .to = transaction.result.to,
                      .match = transaction.command.match,
                      .left = std::max(std::chrono::duration_cast<base::Millis>(left), base::Millis(0)),
                      .earlier = transaction.receipt.earlier,
                      .before_restart = transaction.receipt.before_restart,
                      .open_at_run = transaction.result.open_at_run,
                      .oldest_at_run = transaction.result.oldest_at_run,
                      .watched = transaction.result.watched};
  transaction.completion.progress(progress);
}

std::optional<CutoverStatus> Cutovers::status(const std::string& site) const {
  const auto found = transactions_.find(site);
  if (found == transactions_.end()) return std::nullopt;
  const auto& one = *found->second;
  const auto now = alarms_.now().steady;
  CutoverStatus status{.id = one.record.id,
                       .stage = one.machine.stage,
                       .from = one.result.from,
                       .to = one.result.to,
                       .match = one.command.match,
                       .by = describe(one.actor),
                       .elapsed = std::chrono::duration_cast<base::Millis>(now - one.begun),
                       .left = {}};
  if (one.machine.holds() && one.machine.deadline) {
    status.left = std::chrono::duration_cast<base::Millis>(*one.machine.ends_at() - now);
  }
  return status;
}

Cutovers::Checked Cutovers::check_free(const std::string& site) const {
  const auto held = status(site);
  if (!held || held->stage == core::CutoverStage::watch) return {};
  return std::unexpected(Refusal{.code = RefusalCode::refused,
                                 .message = fmt::format("{} is in a cutover{} from {} to {} by {}, stage {}", site,
                                                        held->match.empty() ? "" : " of " + held->match, held->from,
                                                        held->to, held->by, core::name(held->stage)),
                                 .hint = way_out(site, *held)});
}

}  // namespace drawbridge::control
