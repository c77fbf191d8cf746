#include "proxy/core/cutover.h"

#include <doctest/doctest.h>

#include <vector>

using namespace drawbridge;
using core::Cutover;
using core::CutoverAction;
using core::CutoverEvent;
using core::CutoverFailure;
using core::CutoverStage;
using core::CutoverStep;
using Kind = core::CutoverEvent::Kind;

namespace {

constexpr base::SteadyTime start(base::Millis(1'000'000));
constexpr base::Millis deadline{10'000}, watch_time{30'000};

// As all goes well, up to and with that stage's entry.
Cutover at(CutoverStage stage) {
  auto state = core::begin_cutover({.deadline = deadline, .watch = watch_time}).state;
  const CutoverEvent way[] = {{.kind = Kind::guarded}, {.kind = Kind::stored}, {.kind = Kind::drained},
                              {.kind = Kind::stored},  {.kind = Kind::fenced}, {.kind = Kind::stored}};
  for (const auto& event : way) {
    if (state.stage == stage) break;
    state = core::step(state, event, start).state;
  }
  REQUIRE(state.stage == stage);
  return state;
}

}  // namespace

TEST_CASE("once the flip is being stored it is made, whoever has gone, gives up or runs late") {
  const auto flip = at(CutoverStage::flip);
  for (const auto kind : {Kind::abort, Kind::gone, Kind::tick, Kind::outcome_unknown}) {
    const auto crossed = core::step(flip, {.kind = kind}, start + deadline);
    CHECK(crossed.state.stage == CutoverStage::flip);
    CHECK(crossed.actions.empty());
  }
  const auto made = core::step(flip, {.kind = Kind::stored}, start + 2 * deadline);
  CHECK(made.state.stage == CutoverStage::retire);
  CHECK(made.actions == std::vector{CutoverAction::publish_new, CutoverAction::fence});
}

TEST_CASE("a command whose end is heard when it would have been taken for ended is heard all the same") {
  for (const auto kind : {Kind::run_ended, Kind::tick}) {
    auto state = core::begin_cutover({.run = true, .deadline = deadline}).state;
    for (const auto event : {Kind::guarded, Kind::stored, Kind::drained, Kind::stored, Kind::abort})
      state = core::step(state, {.kind = event}, start).state;
    REQUIRE(state.stage == CutoverStage::stop);
    const auto over = core::step(state, {.kind = kind}, start + deadline + core::stop_limit).state;
    CHECK(over.stage == CutoverStage::back);
    CHECK(over.unheard == (kind == Kind::tick));
  }
}

TEST_CASE("a flip that the disk refuses is none: the site goes back") {
  const auto refused = core::step(at(CutoverStage::flip), {.kind = Kind::stored, .ok = false}, start);
  CHECK(refused.state.stage == CutoverStage::back);
  CHECK(refused.state.failure == CutoverFailure::not_stored);
  CHECK(refused.actions == std::vector{CutoverAction::publish_back, CutoverAction::fence});
}

TEST_CASE("a watch that the disk does not take down is a watch all the same") {
  const auto watch = at(CutoverStage::watch);
  REQUIRE_FALSE(watch.entered);
  const auto begun = core::step(watch, {.kind = Kind::stored, .ok = false}, start);
  CHECK(begun.state.stage == CutoverStage::watch);
  CHECK(begun.state.failure == CutoverFailure::none);
  CHECK(begun.state.watch_until == start + watch_time);
  CHECK(begun.actions == std::vector{CutoverAction::watch});
}
