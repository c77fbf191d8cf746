#include "proxy/core/cutover.h"

#include <array>
#include <utility>

namespace drawbridge::core {
namespace {

using Stage = CutoverStage;
using Failure = CutoverFailure;
using Action = CutoverAction;
using Kind = CutoverEvent::Kind;

constexpr std::array stages = {Stage::guard, Stage::hold,  Stage::drain, Stage::run,
                               Stage::stop,  Stage::check, Stage::flip,  Stage::retire,
                               Stage::watch, Stage::back,  Stage::done,  Stage::failed_back};

constexpr std::uint64_t telling_requests = 20;

CutoverStep stay(const Cutover& state) {
  return {.state = state, .actions = {}};
}

CutoverStep go(Cutover state, Stage stage, std::vector<Action> actions) {
  state.stage = stage;
  state.entered = false;
  return {.state = state, .actions = std::move(actions)};
}

// Before the hold is published there is nothing to take back.
CutoverStep fail(Cutover state, Failure failure) {
  state.failure = failure;
  if (!state.holds()) return go(state, Stage::failed_back, {Action::report});
  return go(state, Stage::back, {Action::publish_back, Action::fence});
}

// A command that is still at work may promote the new side while the old one takes writes: these go on only when
// nothing of it runs any more. Who runs it ends it at the deadline without being told, so that the end is near in
// any case.
CutoverStep give_up(Cutover state, Failure failure) {
  if (state.stage != Stage::run || !state.entered) return fail(state, failure);
  state.failure = failure;
  state.stop_until = state.deadline.value() + stop_limit;
  auto step = go(state, Stage::stop, {Action::end_run});
  step.state.entered = true;
  return step;
}

CutoverStep go_back(Cutover state, bool unheard) {
  state.unheard = unheard;
  return go(state, Stage::back, {Action::publish_back, Action::fence});
}

// The next stage of those that were asked for. While a command runs the new pool may die: it is asked again, which
// nothing has to be stored for, since a restart goes back from there as from the run.
CutoverStep advance(Cutover state) {
  const auto& plan = state.plan;
  if (state.stage == Stage::run && !plan.check) {
    auto step = go(state, Stage::check, {Action::probe});
    step.state.entered = true;
    return step;
  }
  if (state.stage == Stage::drain && plan.run) return go(state, Stage::run, {Action::store});
  if (state.stage != Stage::check && plan.check) return go(state, Stage::check, {Action::store});
  return go(state, Stage::flip, {Action::store});
}

CutoverStep enter(Cutover state, Action action) {
  state.entered = true;
  return {.state = state, .actions = {action}};
}

// A disk that does not take the stage is no reason not to watch: what is durable is on the new pool.
CutoverStep watch(Cutover state, base::SteadyTime now) {
  state.watch_until = now + state.plan.watch;
  return enter(state, Action::watch);
}

CutoverStep stored(Cutover state, base::SteadyTime now) {
  switch (state.stage) {
    case Stage::hold:
      state.deadline = now + state.plan.deadline;
      return go(state, Stage::drain, {Action::publish_hold, Action::fence_drain});
    case Stage::run:
      return enter(state, Action::tell_run);
    case Stage::check:
      return enter(state, Action::probe);
    case Stage::flip:
      return go(state, Stage::retire, {Action::publish_new, Action::fence});
    case Stage::watch:
      return watch(state, now);
    case Stage::guard:
    case Stage::drain:
    case Stage::stop:
    case Stage::retire:
    case Stage::back:
    case Stage::done:
    case Stage::failed_back:
      break;
  }
  return stay(state);
}

// An end that may come at any time: too late once the flip is being stored.
CutoverStep interrupt(const Cutover& state, Failure failure) {
  switch (state.stage) {
    case Stage::guard:
    case Stage::drain:
    case Stage::run:
    case Stage::check:
      return give_up(state, failure);
    case Stage::stop:
    case Stage::hold:
    case Stage::flip:
    case Stage::retire:
    case Stage::back:
    case Stage::done:
    case Stage::failed_back:
      break;
    case Stage::watch:
      if (failure == Failure::aborted) return go(state, Stage::done, {Action::report});
      break;
  }
  return stay(state);
}

CutoverStep guarded(const Cutover& state, bool ok) {
  if (state.stage != Stage::guard) return stay(state);
  if (!ok) return fail(state, Failure::guard);
  if (state.plan.dry_run) return go(state, Stage::done, {Action::report});
  return go(state, Stage::hold, {Action::store});
}

CutoverStep fenced(const Cutover& state) {
  if (state.stage == Stage::retire && state.plan.watch.count() > 0) return go(state, Stage::watch, {Action::store});
  if (state.stage == Stage::retire) return go(state, Stage::done, {Action::report});
  if (state.stage == Stage::back) return go(state, Stage::failed_back, {Action::report});
  return stay(state);
}

// The way back is a transaction of its own, with its own guard, hold and drain, that nobody runs a command in.
CutoverStep turn_back(const Cutover& state) {
  Cutover back;
  back.plan.deadline = state.plan.deadline;
  back.returning = true;
  return {.state = back, .actions = {Action::turn_back, Action::guard}};
}

CutoverStep watched(Cutover state, const CutoverEvent& event, base::SteadyTime now) {
  if (state.stage != Stage::watch || !state.entered) return stay(state);
  const bool last = now >= *state.watch_until;
  const bool bad = has_too_many_errors(event.sample, state.plan.errors_max, last);
  if (bad && state.plan.return_on_errors && event.ok) return turn_back(state);
  state.failure = bad ? Failure::errors : Failure::none;
  return last ? go(state, Stage::done, {Action::report}) : stay(state);
}

// The result of a stage: on to the next, or back.
CutoverStep judge(const Cutover& state, Stage stage, bool ok, Failure failure) {
  const bool awaited = state.stage == stage && (state.entered || stage == Stage::drain);
  if (!awaited) return stay(state);
  return ok ? advance(state) : fail(state, failure);
}

bool is_late(const Cutover& state, base::SteadyTime now) {
  return state.deadline && now >= *state.deadline;
}

CutoverStep run_ended(const Cutover& state, bool ok, base::SteadyTime now) {
  if (state.stage == Stage::stop) return go_back(state, false);
  const bool late = is_late(state, now) && state.stage == Stage::run && state.entered;
  return late ? fail(state, Failure::deadline) : judge(state, Stage::run, ok, Failure::run);
}

CutoverStep abort_now(const Cutover& state) {
  if (state.stage == Stage::stop) return go_back(state, true);
  auto step = interrupt(state, Failure::aborted);
  return step.state.stage == Stage::stop ? go_back(step.state, true) : step;
}

}  // namespace

bool Cutover::holds() const {
  return stage == Stage::drain || stage == Stage::run || stage == Stage::stop || stage == Stage::check ||
         stage == Stage::flip;
}

std::optional<base::SteadyTime> Cutover::ends_at() const {
  if (stage == Stage::stop) return stop_until;
  return stage == Stage::watch ? watch_until : deadline;
}

CutoverStep begin_cutover(const CutoverPlan& plan) {
  return {.state = {.plan = plan}, .actions = {Action::guard}};
}

CutoverStep step(const Cutover& state, const CutoverEvent& event, base::SteadyTime now) {
  if (event.kind == Kind::run_ended) return run_ended(state, event.ok, now);
  if (state.stage == Stage::stop && now >= state.stop_until.value()) return go_back(state, true);
  if (is_late(state, now)) {
    auto ended = interrupt(state, Failure::deadline);
    if (!ended.actions.empty()) return ended;
  }
  switch (event.kind) {
    case Kind::guarded:
      return guarded(state, event.ok);
    case Kind::stored:
      return event.ok || state.stage == Stage::watch ? stored(state, now) : fail(state, Failure::not_stored);
    case Kind::drained:
      return judge(state, Stage::drain, event.ok, Failure::undrained);
    case Kind::outcome_unknown:
      return interrupt(state, Failure::unknown);
    case Kind::checked:
      return judge(state, Stage::check, event.ok, Failure::check);
    case Kind::fenced:
      return fenced(state);
    case Kind::writes_accepted:
      return interrupt(state, Failure::writes);
    case Kind::gone:
      // A watch needs nobody, nor does the way back from it.
      return state.returning ? stay(state) : interrupt(state, Failure::gone);
    case Kind::abort:
      return interrupt(state, Failure::aborted);
    case Kind::abort_now:
      return abort_now(state);
    case Kind::watched:
      return watched(state, event, now);
    case Kind::run_ended:
    case Kind::tick:
      break;
  }
  return stay(state);
}

bool has_too_many_errors(const WatchSample& sample, double errors_max, bool last) {
  if (sample.requests < telling_requests && !last) return false;
  return static_cast<double>(sample.errors) > errors_max * static_cast<double>(sample.requests);
}

bool has_flipped(CutoverStage durable) {
  return durable == Stage::flip || durable == Stage::retire || durable == Stage::watch || durable == Stage::done;
}

std::string_view name(CutoverStage stage) {
  switch (stage) {
    case Stage::guard:
      return "guard";
    case Stage::hold:
      return "hold";
    case Stage::drain:
      return "drain";
    case Stage::run:
      return "run";
    case Stage::stop:
      return "stop";
    case Stage::check:
      return "check";
    case Stage::flip:
      return "flip";
    case Stage::retire:
      return "retire";
    case Stage::watch:
      return "watch";
    case Stage::back:
      return "back";
    case Stage::done:
      return "done";
    case Stage::failed_back:
      return "failed_back";
  }
  return "unknown";
}

std::string_view name(CutoverFailure failure) {
  switch (failure) {
    case Failure::none:
      return "none";
    case Failure::guard:
      return "guard";
    case Failure::not_stored:
      return "not_stored";
    case Failure::undrained:
      return "undrained";
    case Failure::unknown:
      return "unknown";
    case Failure::run:
      return "run";
    case Failure::check:
      return "check";
    case Failure::writes:
      return "writes";
    case Failure::deadline:
      return "deadline";
    case Failure::gone:
      return "gone";
    case Failure::aborted:
      return "aborted";
    case Failure::errors:
      return "errors";
  }
  return "unknown";
}

std::string_view name(CutoverAction action) {
  switch (action) {
    case Action::guard:
      return "guard";
    case Action::store:
      return "store";
    case Action::publish_hold:
      return "publish_hold";
    case Action::fence_drain:
      return "fence_drain";
    case Action::tell_run:
      return "tell_run";
    case Action::end_run:
      return "end_run";
    case Action::probe:
      return "probe";
    case Action::publish_new:
      return "publish_new";
    case Action::publish_back:
      return "publish_back";
    case Action::fence:
      return "fence";
    case Action::watch:
      return "watch";
    case Action::turn_back:
      return "turn_back";
    case Action::report:
      return "report";
  }
  return "unknown";
}

std::string name(const CutoverPoint& point) {
  std::string text(name(point.stage));
  text += '.';
  text += name(point.action);
  text += point.after ? ".after" : ".before";
  return text;
}

std::optional<CutoverStage> parse_cutover_stage(std::string_view text) {
  for (const auto stage : stages) {
    if (name(stage) == text) return stage;
  }
  return std::nullopt;
}

}  // namespace drawbridge::core
