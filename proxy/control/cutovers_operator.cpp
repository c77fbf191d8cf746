#include "proxy/control/cutover_transaction.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

namespace drawbridge::control {
namespace {

using Kind = core::CutoverEvent::Kind;

constexpr base::Millis look_interval{100};  // for an operator who has gone

}  // namespace

void Cutovers::watch_operator(Transaction& transaction) {
  transaction.next_look = alarms_.at(alarms_.now().steady + look_interval,
                                     for_transaction(transaction, [](Cutovers& self, Transaction& one) {
                                       self.watch_operator(one);
                                       const bool gone = one.completion.is_there && !one.completion.is_there();
                                       if (gone) self.feed(one, {.kind = Kind::gone});
                                     }));
}

Cutovers::Checked Cutovers::run_ended(const std::string& site, std::uint64_t id, const RunEnd& ended) {
  const auto found = transactions_.find(site);
  const bool waits = found != transactions_.end() && found->second->record.id == id &&
                     (found->second->machine.stage == core::CutoverStage::run ||
                      found->second->machine.stage == core::CutoverStage::stop);
  if (!waits) {
    return std::unexpected(Refusal{.code = RefusalCode::refused,
                                   .message = fmt::format("no cutover {} of {} waits for a command", id, site),
                                   .hint = "it has ended, by its deadline perhaps: see history"});
  }
  auto& transaction = *found->second;
  transaction.result.exit_code = ended.exit_code;
  transaction.output = ended.output;
  // Its keeper may be faster than our own look at who has gone.
  const auto& is_there = transaction.completion.is_there;
  if (ended.stopped && is_there && !is_there()) feed(transaction, {.kind = Kind::gone});
  feed(transaction, {.kind = Kind::run_ended, .ok = ended.exit_code == 0 && !ended.stopped});
  return {};
}

Cutovers::Checked Cutovers::abort(const std::string& site, const core::Actor& actor, bool now) {
  const auto found = transactions_.find(site);
  if (found == transactions_.end()) {
    return std::unexpected(
        Refusal{.code = RefusalCode::refused, .message = fmt::format("{} is in no cutover", site)});
  }
  auto& transaction = *found->second;
  const bool watches = transaction.machine.stage == core::CutoverStage::watch;
  if (core::has_flipped(transaction.machine.stage) && !watches) {
    return std::unexpected(Refusal{.code = RefusalCode::refused,
                                   .message = fmt::format("{} is on {} already", site, transaction.result.to),
                                   .hint = fmt::format("to go back: proxyctl rollback {}", site)});
  }
  const bool stops = transaction.machine.stage == core::CutoverStage::stop;
  if (stops && !now) {
    return std::unexpected(Refusal{
        .code = RefusalCode::refused,
        .message =
            fmt::format("the cutover of {} is given up already; writes wait until its command has ended", site),
        .hint = fmt::format("within {}; if you know that nothing of it runs: proxyctl cutover {} --abort --now",
                            base::describe_duration(status(site)->left.value_or(base::Millis(0))), site)});
  }
  if (!stops) transaction.ended_by = describe(actor);
  feed(transaction, {.kind = now ? Kind::abort_now : Kind::abort});
  return {};
}

}  // namespace drawbridge::control
