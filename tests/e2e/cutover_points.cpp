#include "tests/e2e/cutover_points.h"

#include "proxy/core/cutover.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <string>
#include <tuple>

namespace drawbridge::tests {
namespace {

using Kind = core::CutoverEvent::Kind;

constexpr std::array kinds = {Kind::guarded,   Kind::stored,  Kind::drained, Kind::outcome_unknown,
                              Kind::run_ended, Kind::checked, Kind::fenced,  Kind::writes_accepted,
                              Kind::watched,   Kind::tick,    Kind::gone,    Kind::abort,
                              Kind::abort_now};

// Does not compile while a kind is missing here: add it above too.
constexpr bool is_listed(Kind kind) {
  switch (kind) {
    case Kind::guarded:
    case Kind::stored:
    case Kind::drained:
    case Kind::outcome_unknown:
    case Kind::run_ended:
    case Kind::checked:
    case Kind::fenced:
    case Kind::writes_accepted:
    case Kind::watched:
    case Kind::tick:
    case Kind::gone:
    case Kind::abort:
    case Kind::abort_now:
      return true;
  }
  return false;
}
static_assert(is_listed(kinds.front()));

// What decides how a transaction goes on; the walk ends where it has been.
auto key(const core::Cutover& state) {
  return std::tuple(state.plan.run, state.plan.check, state.plan.dry_run, state.stage, state.entered, state.failure,
                    state.deadline.has_value(), state.unheard, state.plan.watch.count(),
                    state.watch_until.has_value());
}

class Walk {
 public:
  std::set<std::string> points;

  void begin(const core::CutoverPlan& plan) {
    take(core::begin_cutover(plan));
    while (!open_.empty()) {
      const auto state = open_.front();
      open_.pop_front();
      go_on(state);
    }
  }

 private:
  void go_on(const core::Cutover& state) {
    const auto late = std::max(state.ends_at().value_or(now_), state.deadline.value_or(now_)) + base::Millis(1);
    for (const auto kind : kinds) {
      for (const bool ok : {true, false}) {
        take(core::step(state, {.kind = kind, .ok = ok}, now_));
        take(core::step(state, {.kind = kind, .ok = ok}, late));
      }
    }
  }

  void take(const core::CutoverStep& step) {
    for (const auto action : step.actions) {
      for (const bool after : {false, true}) {
        points.insert(core::name({.stage = step.state.stage, .action = action, .after = after}));
      }
    }
    if (seen_.insert(key(step.state)).second) open_.push_back(step.state);
  }

  base::SteadyTime now_{};
  std::set<decltype(key(core::Cutover{}))> seen_;
  std::deque<core::Cutover> open_;
};

}  // namespace

std::vector<std::string> cutover_points() {
  Walk walk;
  for (const bool run : {false, true}) {
    for (const bool check : {false, true}) {
      for (const bool dry_run : {false, true}) walk.begin({.run = run, .check = check, .dry_run = dry_run});
      walk.begin({.run = run, .check = check, .watch = base::Millis(1)});
    }
  }
  return {walk.points.begin(), walk.points.end()};
}

}  // namespace drawbridge::tests
