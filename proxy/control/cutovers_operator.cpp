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

Cutovers::Checked Cutovers::run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                      const std::string& output) {
  const auto found = transactions_.find(site);
  const bool waits = found != transactions_.end() && found->second->record.id == id &&
                     found->second->machine.stage == core::CutoverStage::run;
  if (!waits) {
    return std::unexpected(Refusal{.code = RefusalCode::refused,
                                   .message = fmt::format("no cutover {} of {} waits for a command", id, site),
                                   .hint = "it has ended, by its deadline perhaps: see history"});
  }
  found->second->result.exit_code = exit_code;
  found->second->output = output;
  feed(*found->second, {.kind = Kind::run_ended, .ok = exit_code == 0});
  return {};
}

Cutovers::Checked Cutovers::abort(const std::string& site, const core::Actor& actor) {
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
  transaction.ended_by = describe(actor);
  feed(transaction, {.kind = Kind::abort});
  return {};
}

}  // namespace drawbridge::control
