#include "proxy/control/cutover_transaction.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {

std::string Cutovers::failure_text(const Transaction& transaction) const {
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
    case core::CutoverFailure::run:
      return fmt::format("the command ended with {}", result.exit_code.value_or(-1));
    case core::CutoverFailure::check:
      return fmt::format("the check of {} failed: {}", result.to, transaction.problem);
    case core::CutoverFailure::writes:
      return fmt::format("{} has accepted {} writes since the cutover, and --discard-writes was not given",
                         result.from, result.writes ? fmt::to_string(*result.writes) : "an unknown number of");
    case core::CutoverFailure::deadline:
      return fmt::format("the deadline of {} passed in stage {}",
                         base::format_duration(transaction.machine.plan.deadline), core::name(result.failed_at));
    case core::CutoverFailure::gone:
      return fmt::format("whoever asked for it hung up in stage {}", core::name(result.failed_at));
    case core::CutoverFailure::aborted:
      return fmt::format("{} ended it in stage {}", transaction.ended_by, core::name(result.failed_at));
  }
  return {};
}

void Cutovers::report(Transaction& transaction) {
  const auto ended = transactions_.extract(transaction.command.site);
  alarms_.cancel(transaction.deadline);
  alarms_.cancel(transaction.next_look);
  const bool failed = transaction.machine.stage == core::CutoverStage::failed_back;
  // The record of a cutover that is over tells nothing; a disk that does not take it away now does so later.
  const auto& site = hands_.site(transaction.command.site);
  if (site.cutover) {
    auto over = site;
    over.cutover.reset();
    (void)hands_.note(transaction.command.site, std::move(over));
  }
  hands_.ended(transaction.command.site,
               failed ? fmt::format("{} is on {}, the cutover to {} came to nothing: {}", transaction.command.site,
                                    transaction.result.from, transaction.result.to, failure_text(transaction))
                      : std::string());
  if (!transaction.completion.done) return;
  auto& receipt = transaction.receipt;
  if (failed && !transaction.hold_ended) {
    auto refusal = transaction.refusal;
    if (refusal.message.empty()) refusal.message = failure_text(transaction);
    alarms_.post([done = std::move(transaction.completion.done), refusal] { done(std::unexpected(refusal)); });
    return;
  }
  receipt.what = transaction.what("");
  receipt.sites = {transaction.command.site};
  transaction.result.mode = site.mode.mode;
  if (failed) receipt.outcome = core::Outcome::failed_back;
  if (!failed && receipt.cut_counts.total() > 0) receipt.outcome = core::Outcome::cut;
  receipt.note = failed ? failure_text(transaction) : transaction.result.dry_run ? transaction.problem : "";
  if (transaction.result.dry_run) receipt.epoch = hands_.epoch();
  if (transaction.result.dry_run) receipt.published_at = alarms_.now().wall;
  if (transaction.hold_ended) {
    transaction.result.refused = hands_.served(transaction.command.site).refused - transaction.refused_before;
    transaction.result.held = std::chrono::duration_cast<base::Millis>(*transaction.hold_ended - transaction.held);
  }
  receipt.cutover = transaction.result;
  alarms_.post([done = std::move(transaction.completion.done), receipt] { done(receipt); });
}

void Cutovers::tell(Transaction& transaction, Progress progress) {
  if (!transaction.completion.progress) return;
  const auto now = alarms_.now().steady;
  const auto left = transaction.machine.deadline.value_or(now) - now;
  progress.epoch = transaction.record.id;
  progress.elapsed = std::chrono::duration_cast<base::Millis>(now - transaction.held);
  progress.cutover = CutoverProgress{.id = transaction.record.id,
                                     .stage = transaction.machine.stage,
                                     .site = transaction.command.site,
                                     .from = transaction.result.from,
                                     .to = transaction.result.to,
                                     .match = transaction.command.match,
                                     .left = std::chrono::duration_cast<base::Millis>(left)};
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
    status.left = std::chrono::duration_cast<base::Millis>(*one.machine.deadline - now);
  }
  return status;
}

Cutovers::Checked Cutovers::check_free(const std::string& site) const {
  const auto held = status(site);
  if (!held) return {};
  return std::unexpected(Refusal{
      .code = RefusalCode::refused,
      .message = fmt::format("{} is in a cutover{} from {} to {} by {}, stage {}", site,
                             held->match.empty() ? "" : " of " + held->match, held->from, held->to, held->by,
                             core::name(held->stage)),
      .hint = held->left ? fmt::format("it ends within {}", base::describe_duration(*held->left)) : std::string()});
}

// A slice that is rolled back is as it was before its last cutover, and so is the count that its next rollback
// asks.
void Cutovers::count_flip(const Transaction& transaction) {
  const auto& command = transaction.command;
  if (command.match.empty()) {
    writes_at_flip_[command.site] = hands_.served(command.site).writes;
    return;
  }
  const auto key = slice_key({.match = command.match});
  auto& counts = slice_writes_at_flip_[fmt::format("{} {}", command.site, key)];
  if (!command.rollback) return counts.push_back(hands_.slice_writes(command.site, key));
  if (!counts.empty()) counts.pop_back();
}

std::optional<std::uint64_t> Cutovers::writes_since_flip(const std::string& site, const std::string& match) const {
  if (!match.empty()) {
    const auto key = slice_key({.match = match});
    const auto counts = slice_writes_at_flip_.find(fmt::format("{} {}", site, key));
    if (counts == slice_writes_at_flip_.end() || counts->second.empty()) return std::nullopt;
    return hands_.slice_writes(site, key) - counts->second.back();
  }
  const auto found = writes_at_flip_.find(site);
  if (found == writes_at_flip_.end()) return std::nullopt;
  const auto now = hands_.served(site).writes;
  return now - std::min(now, found->second);
}

}  // namespace drawbridge::control
