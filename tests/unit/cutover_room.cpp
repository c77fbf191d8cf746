#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <utility>

namespace drawbridge::tests {

core::CutoverCommand to_green(base::Millis watch) {
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  command.watch = watch;
  return command;
}

core::CutoverCommand back() {
  core::CutoverCommand command;
  command.site = "shop";
  command.rollback = true;
  return command;
}

core::CutoverStage CutoverRoom::stage() const {
  const auto status = status_of("shop").cutover;
  REQUIRE(status.has_value());
  return status->stage;
}

std::uint64_t CutoverRoom::begin_run(const Answer& answer) {
  alarms.settle();
  REQUIRE_FALSE(answer.progress.empty());
  const auto& last = answer.progress.back();
  REQUIRE(last.cutover.has_value());
  REQUIRE(last.cutover->stage == core::CutoverStage::run);
  CHECK(mode_of("shop") == core::Mode::hold);
  return last.cutover->id;
}

std::shared_ptr<CutoverRoom::Waited> CutoverRoom::wait_until_drained() {
  auto result = std::make_shared<Waited>();
  controller().wait({.sites = {"shop"}}, [result](auto waited) { *result = std::move(waited); });
  alarms.settle();
  return result;
}

}  // namespace drawbridge::tests
