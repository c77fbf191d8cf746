#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::CutoverFailure;
using core::CutoverStage;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::a_write;
using tests::back;
using tests::CutoverRoom;
using tests::to_green;

TEST_CASE("a write whose server has not answered turns a cutover back before its command, unless --cut was given") {
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    CutoverRoom room;
    const auto write = room.workers->enter("shop", a_write);
    const auto other = room.workers->enter("shop", a_write);
    auto command = to_green();
    command.run = true;
    command.cut = cut;
    const auto answer = room.settled(room.submit(command));
    room.workers->leave_unanswered(write);
    room.workers->leave(other);
    room.alarms.settle();
    if (!cut) {
      CHECK(answer->receipt().outcome == Outcome::failed_back);
      CHECK(answer->receipt().cutover->failure == CutoverFailure::unknown);
      CHECK(answer->receipt().cutover->failed_at == CutoverStage::drain);
      CHECK(answer->receipt().note.find("the outcome of 1 write is unknown") != std::string::npos);
      CHECK(room.pool() == "blue");
      CHECK(room.mode_of("shop") == Mode::live);
    } else {
      const auto id = room.begin_run(*answer);
      CHECK(room.controller().run_ended("shop", id, 0, "").has_value());
      room.alarms.settle();
      REQUIRE(answer->is_receipt());
      CHECK(answer->receipt().outcome == Outcome::cut);
      CHECK(room.pool() == "green");
    }
    REQUIRE(answer->receipt().unknown.size() == 1);
    CHECK(answer->receipt().unknown.front().request_id == write);
    CHECK(answer->receipt().ended[RequestClass::write] == 1);
  }
}

TEST_CASE("a rollback that gives up writes gives up one without an answer, unless a command is to save them") {
  for (const bool run : {false, true}) {
    CAPTURE(run);
    CutoverRoom room;
    room.settled(room.submit(to_green()));
    const auto write = room.workers->enter("shop", a_write);
    auto command = back();
    command.discard_writes = true;
    command.run = run;
    const auto answer = room.settled(room.submit(command));
    room.workers->leave_unanswered(write);
    room.alarms.settle();
    REQUIRE(answer->is_receipt());
    CHECK(answer->receipt().unknown_counts.total() == 1);
    CHECK(answer->receipt().outcome == (run ? Outcome::failed_back : Outcome::cut));
    CHECK(room.pool() == (run ? "green" : "blue"));
  }
}

TEST_CASE("who runs a command is told before of writes that had no answer, and the receipt names them") {
  CutoverRoom room;
  room.workers->earlier.count = 1;
  room.workers->earlier.requests = {{.request_id = "r1"}};
  auto command = to_green();
  command.run = true;
  const auto answer = room.submit(command);
  const auto id = room.begin_run(*answer);
  CHECK(answer->progress.back().cutover->earlier.count == 1);
  CHECK(room.controller().run_ended("shop", id, 0, "").has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::done);
  CHECK(answer->receipt().earlier.requests.front().request_id == "r1");
}
