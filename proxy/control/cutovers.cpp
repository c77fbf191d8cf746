#include "proxy/control/cutovers.h"

#include "proxy/base/check.h"
#include "proxy/control/cutover_transaction.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

using core::CutoverAction;
using core::CutoverStage;
using Kind = core::CutoverEvent::Kind;

}  // namespace

Cutovers::Cutovers(Hands& hands, Alarms& alarms)
    : hands_(hands), alarms_(alarms), self_(std::make_shared<Cutovers*>(this)) {}

Cutovers::~Cutovers() {
  for (const auto& [site, transaction] : transactions_) {
    alarms_.cancel(transaction->deadline);
    alarms_.cancel(transaction->next_look);
  }
}

void Cutovers::start(core::CutoverCommand command, const core::Actor& actor, Completion completion) {
  const auto site = command.site;
  DRAWBRIDGE_CHECK(!transactions_.contains(site));
  auto transaction = std::make_unique<Transaction>();
  auto& started = *transaction;
  started.number = ++last_number_;
  started.before = hands_.site(site);
  if (is_partial(command, started.before)) started.partial = hands_.plan(command, actor);
  started.result.from = started.partial ? join_names(started.partial->from) : started.before.pool;
  started.result.match = command.match;
  if (command.match.empty()) {
    for (const auto& slice : started.before.slices) started.result.absorbed.push_back({slice.match, slice.pool});
    const auto restored = started.partial ? started.partial->after.slices : std::vector<SliceState>{};
    for (const auto& slice : restored) started.result.restored.push_back({slice.match, slice.pool});
  }
  started.result.to = command.to;
  started.result.dry_run = command.dry_run;
  started.command = std::move(command);
  started.actor = actor;
  started.completion = std::move(completion);
  started.begun = alarms_.now().steady;
  transactions_.emplace(site, std::move(transaction));
  watch_operator(started);
  take(started, core::begin_cutover({.run = started.command.run,
                                     .check = !started.command.check.empty(),
                                     .dry_run = started.command.dry_run,
                                     .deadline = started.command.deadline.value(),
                                     .watch = started.command.watch,
                                     .errors_max = started.command.errors_max,
                                     .return_on_errors = started.command.return_on_errors}));
}

void Cutovers::feed(Transaction& transaction, core::CutoverEvent event) {
  take(transaction, core::step(transaction.machine, event, alarms_.now().steady));
}

// The last action of a step may end the transaction or take the next step: nothing is touched after it.
void Cutovers::take(Transaction& transaction, core::CutoverStep taken) {
  if (taken.state.failure != transaction.machine.failure) transaction.result.failed_at = transaction.machine.stage;
  transaction.machine = taken.state;
  transaction.result.failure = taken.state.failure;
  for (const auto action : taken.actions) perform(transaction, action);
}

void Cutovers::perform(Transaction& transaction, CutoverAction action) {
  core::CutoverPoint point{.stage = transaction.machine.stage, .action = action};
  hands_.pass(point);
  point.after = true;
  if (action == CutoverAction::store) {
    const bool ok = store(transaction);
    hands_.pass(point);
    return feed(transaction, {.kind = Kind::stored, .ok = ok});
  }
  carry_out(transaction, action);
  hands_.pass(point);
}

void Cutovers::carry_out(Transaction& transaction, CutoverAction action) {
  switch (action) {
    case CutoverAction::guard:
      return guard(transaction);
    case CutoverAction::store:
      return;  // perform() does it: it has its result at once
    case CutoverAction::publish_hold:
      return publish_hold(transaction);
    case CutoverAction::fence_drain:
      return fence_drain(transaction);
    case CutoverAction::tell_run:
      return tell_run(transaction);
    case CutoverAction::end_run:
      return end_run(transaction);
    case CutoverAction::probe:
      return probe(transaction);
    case CutoverAction::publish_new:
      return publish_new(transaction);
    case CutoverAction::publish_back:
      return publish_back(transaction);
    case CutoverAction::fence:
      return fence(transaction);
    case CutoverAction::watch:
      return watch(transaction);
    case CutoverAction::turn_back:
      return turn_back(transaction);
    case CutoverAction::report:
      return report(transaction);
  }
}

void Cutovers::guard(Transaction& transaction) {
  if (!transaction.command.dry_run) return ask_servers(transaction, "", Kind::guarded);
  hands_.parked(transaction.command.site,
                for_transaction(transaction, [](Cutovers& self, Transaction& one, const Parked& found) {
                  one.receipt.warning = tunnels_text(one, found.in_flight[core::RequestClass::tunnel]);
                  self.ask_servers(one, "", Kind::guarded);
                }));
}

// Of all pools that get requests by it: a rollback of the whole site may bring slices back to others.
void Cutovers::ask_servers(Transaction& transaction, const std::string& path, Kind answer) {
  std::vector<std::string> pools{transaction.command.to};
  for (const auto& slice : transaction.result.restored) {
    if (std::ranges::find(pools, slice.pool) == pools.end()) pools.push_back(slice.pool);
  }
  hands_.probe(
      pools, path,
      for_transaction(transaction, [answer](Cutovers& self, Transaction& one, const Hands::Probed& probed) {
        one.problem = probed.text;
        self.feed(one, {.kind = answer, .ok = probed.ok});
      }));
}

void Cutovers::foresee(const Transaction& transaction) {
  const auto& plan = transaction.machine.plan;
  std::vector<Hands::Stored> stages;
  if (plan.run) stages.push_back({.wanted = recorded(transaction, CutoverStage::run)});
  if (plan.check) stages.push_back({.wanted = recorded(transaction, CutoverStage::check)});
  stages.push_back({.wanted = recorded(transaction, CutoverStage::flip), .publishes = true});
  stages.push_back({.wanted = transaction.before, .publishes = true});
  hands_.foresee(transaction.command.site, stages);
}

// The site as it is to be while the transaction is in its stage.
SiteState Cutovers::recorded(const Transaction& transaction, CutoverStage stage) const {
  auto site = transaction.before;
  site.cutover = transaction.record;
  site.cutover->stage = stage;
  if (!core::has_flipped(stage)) return site;
  if (transaction.partial) {
    site.pool = transaction.partial->after.pool;
    site.slices = transaction.partial->after.slices;
  } else {
    site.pool = transaction.command.to;
  }
  if (transaction.command.match.empty()) {
    site.previous_pool = transaction.before.pool;
    site.previous_slices = transaction.before.slices;
    site.rolled_back = transaction.command.rollback;
  }
  site.accepted = AcceptedWrites{};
  if (!transaction.command.then || *transaction.command.then == site.mode.mode) return site;
  site.mode = {};
  site.mode.mode = *transaction.command.then;
  site.mode.since = alarms_.now().wall;
  site.mode.by = describe(transaction.actor);
  site.mode.reason = transaction.command.reason;
  site.ends.reset();
  return site;
}

bool Cutovers::store(Transaction& transaction) {
  const auto& site = transaction.command.site;
  const bool publishes =
      transaction.machine.stage == CutoverStage::hold || transaction.machine.stage == CutoverStage::flip;
  if (transaction.machine.stage == CutoverStage::hold) {
    const auto now = alarms_.now();
    transaction.record = {.id = hands_.epoch() + 1,
                          .stage = CutoverStage::hold,
                          .from = transaction.result.from,
                          .to = transaction.command.to,
                          .scope = transaction.command.hold.value(),
                          .since = now.wall,
                          .deadline = now.wall + *transaction.command.deadline,
                          .by = describe(transaction.actor),
                          .match = transaction.command.match,
                          .after = {}};
    if (transaction.partial) transaction.record.after = transaction.partial->after;
    transaction.result.id = transaction.record.id;
    foresee(transaction);
  }
  auto wanted = recorded(transaction, transaction.machine.stage);
  // Others may have changed the site since the flip: a watch holds nobody up.
  if (transaction.machine.stage == CutoverStage::watch) {
    wanted = hands_.site(site);
    wanted.cutover = transaction.record;
    wanted.cutover->stage = CutoverStage::watch;
  }
  const auto stored = publishes ? hands_.prepare(site, wanted) : hands_.note(site, wanted);
  if (!stored) {
    transaction.refusal = stored.error();
    transaction.problem = stored.error().message;
    transaction.uncertain = stored.error().uncertain;
  }
  return stored.has_value();
}

void Cutovers::publish_hold(Transaction& transaction) {
  hands_.publish();
  const auto now = alarms_.now();
  transaction.held = now.steady;
  transaction.hold_since = transaction.partial ? hold_of(hands_.site(transaction.command.site)).since
                                               : shown_mode(hands_.site(transaction.command.site)).since;
  transaction.receipt.epoch = hands_.epoch();
  transaction.receipt.published_at = now.wall;
  transaction.deadline =
      alarms_.at(transaction.machine.deadline.value(),
                 for_transaction(transaction, [](Cutovers& self, Transaction& one) { self.feed(one, {}); }));
}

void Cutovers::tell_run(Transaction& transaction) {
  tell(transaction, {});
}

// A client that has gone is not told: what ran its command hears of that by itself.
void Cutovers::end_run(Transaction& transaction) {
  tell(transaction, {});
  alarms_.cancel(transaction.deadline);
  transaction.deadline =
      alarms_.at(transaction.machine.stop_until.value(),
                 for_transaction(transaction, [](Cutovers& self, Transaction& one) { self.feed(one, {}); }));
}

void Cutovers::probe(Transaction& transaction) {
  tell(transaction, {});
  ask_servers(transaction, transaction.command.check, Kind::checked);
}

void Cutovers::end_hold(Transaction& transaction) {
  const auto now = alarms_.now().steady;
  alarms_.cancel(std::exchange(transaction.deadline, 0));
  transaction.hold_ended = now;
  transaction.receipt.epoch = hands_.epoch();
}

void Cutovers::publish_new(Transaction& transaction) {
  const auto& site = transaction.command.site;
  const auto served = hands_.served(site);
  // The last write may have been another pool's, of before this one was moved to.
  const auto accepted = writes_since_flip(site, {});
  count_flip(transaction);
  const auto now = alarms_.now();
  if (served.last_write && !transaction.partial && (!accepted || accepted->count > 0))
    transaction.result.last_write_at = wall_of(*served.last_write, now);
  transaction.answered_before = hands_.answered(transaction.command.to);
  hands_.forget_first_write(site);
  // Taken before: the first write there must not look older than the flip.
  transaction.result.flip_at = alarms_.now().wall;
  hands_.publish();
  end_hold(transaction);
}

void Cutovers::publish_back(Transaction& transaction) {
  const auto stored = hands_.publish_back(transaction.command.site, transaction.before);
  transaction.uncertain = transaction.uncertain && !stored;
  end_hold(transaction);
}

bool Cutovers::is_holding() const {
  return std::ranges::any_of(transactions_, [](const auto& entry) { return entry.second->machine.holds(); });
}

// The site stays as it is for the moment that is left; the next process finds the record and goes by it.
void Cutovers::stop() {
  for (const auto& [site, transaction] : transactions_) {
    if (!transaction->completion.done) continue;
    const bool flipped = core::has_flipped(transaction->machine.stage);
    Refusal ends{.code = RefusalCode::shutting_down,
                 .message = fmt::format("proxyd is ending; {} will come up on {}", site,
                                        flipped ? transaction->result.to : transaction->result.from)};
    alarms_.post([done = std::move(transaction->completion.done), ends] { done(std::unexpected(ends)); });
    transaction->completion = {};
  }
}

}  // namespace drawbridge::control
