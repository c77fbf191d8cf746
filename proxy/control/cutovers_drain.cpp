#include "proxy/control/cutover_transaction.h"

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

using Kind = core::CutoverEvent::Kind;

constexpr base::Millis release_interval{20};       // for those who wait to go on
constexpr base::Millis release_told_every{1'000};  // whoever hears nothing takes us for lost

constexpr core::ClassMask all_classes = core::ClassMask{}
                                            .with(core::RequestClass::read)
                                            .with(core::RequestClass::write)
                                            .with(core::RequestClass::tunnel);

// Before a command all that may write has ended. Without one nothing comes between the drain and the flip, and a
// tunnel is not worth that writes wait for its end: it is told to go when the site has moved.
core::ClassMask held_classes(const core::CutoverCommand& command) {
  auto classes = core::drains(core::Mode::hold, *command.hold);
  const auto tunnels = core::ClassMask{}.with(core::RequestClass::tunnel);
  if (!command.run) classes.bits = static_cast<std::uint8_t>(classes.bits & ~tunnels.bits);
  return classes;
}

}  // namespace

void Cutovers::fence_drain(Transaction& transaction) {
  const auto& command = transaction.command;
  const auto classes = held_classes(command);
  Completion completion;
  completion.progress = for_transaction(transaction, [](Cutovers& self, Transaction& one, Progress progress) {
    if (one.machine.stage == core::CutoverStage::drain) self.tell(one, std::move(progress));
  });
  completion.done = for_transaction(
      transaction, [](Cutovers& self, Transaction& one, const Done& done) { self.drained(one, done); });
  hands_.fence(command.site,
               {.what = transaction.what(": hold"),
                .before = {},
                .after = {},
                .match = command.match,
                .takes_back = {},
                .reason = command.reason,
                .output = {},
                .classes = classes,
                .spare_read_tunnels = !classes.has(core::RequestClass::read),
                .hurries_tunnels = true,
                .drain_timeout = command.drain_timeout,
                .cut = command.cut,
                .moved_by = transaction.partial ? std::optional(transaction.partial->after) : std::nullopt,
                .actor = transaction.actor},
               std::move(completion));
}

void Cutovers::drained(Transaction& transaction, const Done& done) {
  if (!done || transaction.machine.stage != core::CutoverStage::drain) return;
  auto& receipt = transaction.receipt;
  receipt.drained = done->drained;
  receipt.ended = done->ended;
  receipt.cut_counts = done->cut_counts;
  receipt.cut = done->cut;
  receipt.unknown_counts = done->unknown_counts;
  receipt.unknown = done->unknown;
  receipt.earlier = done->earlier;
  receipt.before_restart = done->before_restart;
  receipt.outstanding_counts = done->outstanding_counts;
  receipt.outstanding = done->outstanding;
  const bool unknown = done->outcome == core::Outcome::unknown;
  if (unknown && !gives_up_writes(transaction)) return feed(transaction, {.kind = Kind::outcome_unknown});
  const bool ok = unknown || done->outcome == core::Outcome::done || done->outcome == core::Outcome::cut;
  if (ok && !may_leave(transaction)) return feed(transaction, {.kind = Kind::writes_accepted});
  if (ok && transaction.machine.plan.run && !transaction.partial) return look_at_open_writes(transaction);
  feed(transaction, {.kind = Kind::drained, .ok = ok});
}

// All that had to end has: what is left are exempt ones, and more of them may come. The command is not begun
// without a word of them.
void Cutovers::look_at_open_writes(Transaction& transaction) {
  hands_.parked(transaction.command.site,
                for_transaction(transaction, [](Cutovers& self, Transaction& one, const Parked& found) {
                  if (one.machine.stage != core::CutoverStage::drain) return;
                  one.result.open_at_run = found.in_flight[core::RequestClass::write];
                  one.result.oldest_at_run = found.oldest_writes;
                  self.feed(one, {.kind = Kind::drained});
                }));
}

// A write that may still be at work on the pool that is left is lost there, like all of its writes that a rollback
// gives up; unless a command is to save them.
bool Cutovers::gives_up_writes(const Transaction& transaction) {
  const auto& command = transaction.command;
  return command.rollback && command.discard_writes && !command.run;
}

// Writes that came between the guard and the hold: now that they have ended, their number is final.
bool Cutovers::may_leave(Transaction& transaction) {
  const auto& command = transaction.command;
  count_left_behind(transaction);
  const auto& result = transaction.result;
  return !command.rollback || command.discard_writes || (result.writes_exact && result.writes.value_or(0) == 0);
}

// Whoever waited has gone on, at the pace that is configured, before the receipt says how long they waited.
void Cutovers::await_release(Transaction& transaction) {
  hands_.parked(transaction.command.site,
                for_transaction(transaction, [](Cutovers& self, Transaction& one, const Parked& parked) {
                  auto& result = one.result;
                  if (parked.hold.since == one.hold_since) {
                    result.parked = parked.hold.held;
                    result.longest_parked = std::max(parked.hold.longest, parked.oldest);
                    result.left_parking = parked.hold.left;
                    result.refused = parked.hold.overflowed + parked.hold.waited_in_vain;
                  }
                  const bool still_held = self.hands_.site(one.command.site).mode.mode == core::Mode::hold;
                  if (parked.waiting == 0 || still_held) return self.feed(one, {.kind = Kind::fenced});
                  self.tell_release(one);
                  const auto again = self.for_transaction(
                      one, [](Cutovers& cutovers, Transaction& it) { cutovers.await_release(it); });
                  self.alarms_.at(self.alarms_.now().steady + release_interval, again);
                }));
}

void Cutovers::tell_release(Transaction& transaction) {
  const auto now = alarms_.now().steady;
  if (transaction.release_told && now < *transaction.release_told + release_told_every) return;
  transaction.release_told = now;
  tell(transaction, {});
}

void Cutovers::fence(Transaction& transaction) {
  const bool retires = transaction.machine.stage == core::CutoverStage::retire;
  Completion completion;
  const auto passed = [](Cutovers& self, Transaction& one) { self.await_release(one); };
  if (retires) {
    completion.progress =
        for_transaction(transaction, [passed](Cutovers& self, Transaction& one, const Progress& progress) {
          if (progress.stage != Stage::fenced) return;
          one.result.open_at_flip = progress.open;
          if (progress.open[core::RequestClass::write] > 0) one.result.last_write_at.reset();
          self.alarms_.post(self.for_transaction(one, passed));
        });
  } else {
    completion.done = [passed = for_transaction(transaction, passed)](const Done&) { passed(); };
  }
  const auto left = transaction.partial ? transaction.partial->from : std::vector{transaction.result.from};
  hands_.fence(
      transaction.command.site,
      {.what = transaction.what(retires ? "" : ": back"),
       .before = retires ? transaction.result.from : "",
       .after = retires ? transaction.result.to : "",
       .left = retires ? left : std::vector<std::string>{},
       .match = transaction.command.match,
       .takes_back = retires ? "" : transaction.what(": hold"),
       .reason = retires ? transaction.command.reason : failure_text(transaction),
       .output = transaction.output,
       .classes = retires ? all_classes : core::ClassMask{},
       .spare_read_tunnels = false,
       .exempt_too = retires && !transaction.partial,
       .drain_timeout = {},
       .cut = false,
       .moved_by = retires && transaction.partial ? std::optional(transaction.partial->after) : std::nullopt,
       .actor = transaction.actor},
      std::move(completion));
}

}  // namespace drawbridge::control
