#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::CutoverFailure;
using core::CutoverStage;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::ControlRoom;

namespace {

core::CutoverCommand to_green() {
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  return command;
}

core::CutoverCommand back() {
  core::CutoverCommand command;
  command.site = "shop";
  command.rollback = true;
  return command;
}

std::shared_ptr<tests::Answer> submit(ControlRoom& room, core::CutoverCommand command) {
  return room.submit({.what = std::move(command), .if_epoch = {}, .actor = ControlRoom::alice});
}

std::string pool_of(const ControlRoom& room) {
  return room.view("shop").pool->name;
}

// In stage run, with the id to continue by.
std::uint64_t begin_run(ControlRoom& room, tests::Answer& answer) {
  room.alarms.settle();
  REQUIRE_FALSE(answer.progress.empty());
  const auto& last = answer.progress.back();
  REQUIRE(last.cutover.has_value());
  REQUIRE(last.cutover->stage == CutoverStage::run);
  CHECK(room.mode_of("shop") == Mode::hold);
  return last.cutover->id;
}

}  // namespace

TEST_CASE("a write whose server has not answered turns a cutover back before its command, unless --cut was given") {
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    ControlRoom room;
    REQUIRE(room.start().has_value());
    const auto write = room.workers->enter("shop", {.request_class = RequestClass::write});
    const auto other = room.workers->enter("shop", {.request_class = RequestClass::write});
    auto command = to_green();
    command.run = true;
    command.cut = cut;
    const auto answer = submit(room, command);
    room.alarms.settle();
    room.workers->leave_unanswered(write);
    room.workers->leave(other);
    room.alarms.settle();
    if (!cut) {
      CHECK(answer->receipt().outcome == Outcome::failed_back);
      CHECK(answer->receipt().cutover->failure == CutoverFailure::unknown);
      CHECK(answer->receipt().cutover->failed_at == CutoverStage::drain);
      CHECK(answer->receipt().note.find("the outcome of 1 write is unknown") != std::string::npos);
      CHECK(pool_of(room) == "blue");
      CHECK(room.mode_of("shop") == Mode::live);
    } else {
      const auto id = begin_run(room, *answer);
      CHECK(room.controller().run_ended("shop", id, 0, "").has_value());
      room.alarms.settle();
      REQUIRE(answer->is_receipt());
      CHECK(answer->receipt().outcome == Outcome::cut);
      CHECK(pool_of(room) == "green");
    }
    REQUIRE(answer->receipt().unknown.size() == 1);
    CHECK(answer->receipt().unknown.front().request_id == write);
    CHECK(answer->receipt().ended[RequestClass::write] == 1);
  }
}

TEST_CASE("a rollback that gives up writes gives up one without an answer, unless a command is to save them") {
  for (const bool run : {false, true}) {
    CAPTURE(run);
    ControlRoom room;
    REQUIRE(room.start().has_value());
    submit(room, to_green());
    room.alarms.settle();
    const auto write = room.workers->enter("shop", {.request_class = RequestClass::write});
    auto command = back();
    command.discard_writes = true;
    command.run = run;
    const auto answer = submit(room, command);
    room.alarms.settle();
    room.workers->leave_unanswered(write);
    room.alarms.settle();
    REQUIRE(answer->is_receipt());
    CHECK(answer->receipt().unknown_counts.total() == 1);
    CHECK(answer->receipt().outcome == (run ? Outcome::failed_back : Outcome::cut));
    CHECK(pool_of(room) == (run ? "green" : "blue"));
  }
}

TEST_CASE("who runs a command is told before of writes that had no answer, and the receipt names them") {
  ControlRoom room;
  REQUIRE(room.start().has_value());
  room.workers->earlier.count = 1;
  room.workers->earlier.requests = {{.request_id = "r1"}};
  auto command = to_green();
  command.run = true;
  const auto answer = submit(room, command);
  const auto id = begin_run(room, *answer);
  CHECK(answer->progress.back().cutover->earlier.count == 1);
  CHECK(room.controller().run_ended("shop", id, 0, "").has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::done);
  CHECK(answer->receipt().earlier.requests.front().request_id == "r1");
}
