#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using control::RefusalCode;
using core::CutoverFailure;
using core::CutoverStage;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::a_write;
using tests::back;
using tests::CutoverRoom;
using tests::to_green;

namespace {

void check_before(const CutoverRoom& room, Mode mode = Mode::live) {
  CHECK(room.pool() == "blue");
  CHECK(room.mode_of("shop") == mode);
  CHECK_FALSE(room.status_of("shop").cutover.has_value());
}

void check_failed(const tests::Answer& answer, CutoverFailure failure, CutoverStage stage) {
  REQUIRE(answer.is_receipt());
  CHECK(answer.receipt().outcome == Outcome::failed_back);
  CHECK_FALSE(answer.receipt().note.empty());
  REQUIRE(answer.receipt().cutover.has_value());
  CHECK(answer.receipt().cutover->failure == failure);
  CHECK(answer.receipt().cutover->failed_at == stage);
}

}  // namespace

TEST_CASE("a cutover holds, waits for the old pool's writes, and flips pool and mode in one snapshot") {
  CutoverRoom room;
  const auto write = room.workers->enter("shop", a_write);
  const auto answer = room.settled(room.submit(to_green()));
  CHECK(room.mode_of("shop") == Mode::hold);
  CHECK(room.pool() == "blue");
  CHECK(room.status_of("shop").cutover->stage == CutoverStage::drain);
  const auto held_epoch = room.controller().current().epoch;
  room.workers->leave(write);
  room.alarms.settle();
  CHECK(room.controller().current().epoch == held_epoch + 1);
  CHECK(room.pool() == "green");
  CHECK(room.mode_of("shop") == Mode::live);
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::done);
  CHECK(answer->receipt().ended[RequestClass::write] == 1);
  CHECK(answer->receipt().cutover->flip_at.has_value());
  CHECK(room.status_of("shop").previous_pool == "blue");
  room.restart();
  CHECK(room.pool() == "green");
  CHECK(room.controller().status().warnings.empty());
}

TEST_CASE("a cutover keeps readonly and maintenance, or brings the mode that it was told") {
  for (const auto mode : {Mode::readonly, Mode::maintenance}) {
    CutoverRoom room;
    room.settled(room.mode(mode, {"shop"}));
    const auto answer = room.submit(to_green());
    CHECK(room.mode_of("shop") == mode);
    room.alarms.settle();
    CHECK(room.pool() == "green");
    CHECK(room.mode_of("shop") == mode);
    auto command = back();
    command.then = Mode::live;
    room.settled(room.submit(command));
    CHECK(room.pool() == "blue");
    CHECK(room.mode_of("shop") == Mode::live);
  }
}

TEST_CASE("what makes no sense is refused and nothing has changed") {
  CutoverRoom room;
  std::vector<std::pair<core::CutoverCommand, RefusalCode>> commands(8, {to_green(), RefusalCode::bad_request});
  commands[0].first.site = "shpo";
  commands[0].second = RefusalCode::unknown_site;
  commands[1].first.to = "grene";
  commands[1].second = RefusalCode::unknown_pool;
  commands[2].first.to = "blue";
  commands[2].second = RefusalCode::refused;
  commands[3].first.deadline = base::Millis(3'600'000);
  commands[4].first.drain_timeout = base::Millis(70'000);
  commands[5].first.check = "healthz";
  commands[6].first.then = Mode::hold;
  commands[7] = {back(), RefusalCode::refused};
  const auto epoch = room.controller().current().epoch;
  for (const auto& [command, code] : commands) {
    const auto answer = room.settled(room.submit(command));
    REQUIRE(answer->done.has_value());
    REQUIRE_FALSE(answer->is_receipt());
    CHECK(answer->refusal().code == code);
    CHECK(answer->progress.empty());
  }
  CHECK(room.controller().current().epoch == epoch);
}

TEST_CASE("servers that do not answer keep the site where it is; a dry run changes nothing") {
  CutoverRoom room;
  const auto epoch = room.controller().current().epoch;
  auto dry = to_green();
  dry.dry_run = true;
  const auto rehearsed = room.settled(room.submit(dry));
  REQUIRE(rehearsed->is_receipt());
  CHECK(rehearsed->receipt().cutover->dry_run);
  room.servers_answer = false;
  const auto refused = room.submit(to_green());
  const auto refused_dry = room.settled(room.submit(dry));
  CHECK_FALSE(refused->is_receipt());
  CHECK(refused->refusal().message.find("status 500") != std::string::npos);
  CHECK_FALSE(refused_dry->is_receipt());
  CHECK(room.controller().current().epoch == epoch);
  check_before(room);
}

TEST_CASE("writes that do not end in time bring the site back, or are cut and named") {
  for (const bool cut : {false, true}) {
    CutoverRoom room;
    room.workers->enter("shop", a_write);
    auto command = to_green();
    command.drain_timeout = base::Millis(5'000);
    command.cut = cut;
    const auto answer = room.submit(command);
    room.alarms.advance(base::Millis(4'900));
    CHECK(room.mode_of("shop") == Mode::hold);
    room.alarms.advance(base::Millis(2'000));
    if (cut) {
      REQUIRE(answer->is_receipt());
      CHECK(room.pool() == "green");
      CHECK(answer->receipt().outcome == Outcome::cut);
      CHECK(answer->receipt().cut.size() == 1);
    } else {
      check_failed(*answer, CutoverFailure::undrained, CutoverStage::drain);
      CHECK(answer->receipt().outstanding.size() == 1);
      check_before(room);
    }
  }
}

TEST_CASE("the operator's command decides: exit code 0 flips, another brings the site back") {
  for (const int code : {0, 3}) {
    CutoverRoom room;
    auto command = to_green();
    command.run = true;
    const auto answer = room.submit(command);
    const auto id = room.begin_run(*answer);
    CHECK_FALSE(room.controller().run_ended("shop", id + 1, 0).has_value());
    CHECK(room.controller().run_ended("shop", id, code).has_value());
    CHECK_FALSE(room.controller().run_ended("shop", id, 0).has_value());
    room.alarms.settle();
    if (code == 0) {
      REQUIRE(answer->is_receipt());
      CHECK(answer->receipt().cutover->exit_code == 0);
      CHECK(room.pool() == "green");
    } else {
      check_failed(*answer, CutoverFailure::run, CutoverStage::run);
      check_before(room);
    }
  }
}

TEST_CASE("the check of the new pool comes last before the flip") {
  for (const bool passes : {true, false}) {
    CutoverRoom room;
    room.check_passes = passes;
    auto command = to_green();
    command.run = true;
    command.check = "/ready";
    const auto answer = room.submit(command);
    const auto id = room.begin_run(*answer);
    CHECK(room.controller().run_ended("shop", id, 0).has_value());
    room.alarms.settle();
    if (passes) {
      REQUIRE(answer->is_receipt());
      CHECK(room.pool() == "green");
    } else {
      check_failed(*answer, CutoverFailure::check, CutoverStage::check);
      CHECK(answer->receipt().note.find("status 500") != std::string::npos);
      check_before(room);
    }
  }
}

TEST_CASE("while a site is cut over every other change of it is refused and told who holds it") {
  CutoverRoom room;
  auto command = to_green();
  command.run = true;
  const auto answer = room.submit(command);
  const auto id = room.begin_run(*answer);
  const auto mode = room.mode(Mode::maintenance);
  const auto second = room.submit(to_green());
  const auto reload = room.reload();
  const auto other = room.settled(room.mode(Mode::readonly, {"forum"}));
  for (const auto& refused : {mode, second, reload}) {
    REQUIRE(refused->done.has_value());
    REQUIRE_FALSE(refused->is_receipt());
    CHECK(refused->refusal().message.find("by alice") != std::string::npos);
  }
  CHECK(other->is_receipt());
  CHECK(room.controller().run_ended("shop", id, 0).has_value());
  room.alarms.settle();
  CHECK(room.pool() == "green");
  CHECK(room.mode(Mode::live, {"shop"}) != nullptr);
}

TEST_CASE("a mode whose time is over during a cutover ends after it") {
  CutoverRoom room;
  room.settled(room.readonly_for(base::Millis(10'000)));
  auto command = to_green();
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  const auto id = answer->progress.back().cutover->id;
  room.alarms.advance(base::Millis(12'000));
  CHECK(room.mode_of("shop") == Mode::readonly);
  CHECK(room.controller().run_ended("shop", id, 0).has_value());
  room.alarms.advance(base::Millis(1));
  CHECK(room.pool() == "green");
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("a rollback that would leave writes behind wants to be told so") {
  CutoverRoom room;
  room.settled(room.submit(to_green()));
  REQUIRE(room.pool() == "green");
  const auto clean = room.settled(room.submit(back()));
  REQUIRE(clean->is_receipt());
  CHECK(clean->receipt().cutover->writes == 0);
  CHECK(room.pool() == "blue");

  room.settled(room.submit(to_green()));
  room.writes += 2;
  const auto refused = room.settled(room.submit(back()));
  CHECK_FALSE(refused->is_receipt());
  CHECK(refused->refusal().message.find("2 writes") != std::string::npos);
  auto anyway = back();
  anyway.discard_writes = true;
  const auto done = room.settled(room.submit(anyway));
  REQUIRE(done->is_receipt());
  CHECK(done->receipt().cutover->writes == 2);
  CHECK(room.pool() == "blue");
}

TEST_CASE("a rollback that is given twice goes back once, over a restart as well") {
  CutoverRoom room;
  room.settled(room.submit(to_green()));
  REQUIRE(room.settled(room.submit(back()))->is_receipt());
  for (const bool restarted : {false, true}) {
    if (restarted) room.restart();
    auto again = back();
    again.discard_writes = true;
    const auto refused = room.settled(room.submit(again));
    REQUIRE_FALSE(refused->is_receipt());
    CHECK(refused->refusal().message == "shop was rolled back already, from green: it is on blue");
    CHECK(refused->refusal().hint == "to go to green again: proxyctl cutover shop --to green");
    CHECK(room.pool() == "blue");
  }
  REQUIRE(room.settled(room.submit(to_green()))->is_receipt());
  REQUIRE(room.settled(room.submit(back()))->is_receipt());
  CHECK(room.pool() == "blue");
}

TEST_CASE(
    "a write that the new pool accepts between the guard and the hold stops a rollback; so does not knowing") {
  CutoverRoom room;
  room.settled(room.submit(to_green()));
  const auto write = room.workers->enter("shop", a_write);
  const auto answer = room.settled(room.submit(back()));
  room.writes += 1;
  room.workers->leave(write);
  room.alarms.settle();
  check_failed(*answer, CutoverFailure::writes, CutoverStage::drain);
  CHECK(room.pool() == "green");
  room.restart();
  const auto unknown = room.settled(room.submit(back()));
  CHECK_FALSE(unknown->is_receipt());
  CHECK(unknown->refusal().message.find("not known") != std::string::npos);
}

TEST_CASE("a process that is killed in any stage comes up on one pool and says which") {
  for (const bool in_run : {false, true}) {
    CutoverRoom room;
    const auto write = room.workers->enter("shop", a_write);
    auto command = to_green();
    command.run = true;
    const auto answer = room.settled(room.submit(command));
    if (in_run) room.workers->leave(write);
    room.alarms.settle();
    CHECK(room.status_of("shop").cutover->stage == (in_run ? CutoverStage::run : CutoverStage::drain));
    room.restart();
    check_before(room);
    CHECK(room.has_event("cutover_failed_back"));
    REQUIRE(room.controller().status().warnings.size() == 1);
    CHECK(room.controller().status().warnings.front().find("the site is on blue") != std::string::npos);
    room.settled(room.mode(Mode::readonly, {"forum"}));
    CHECK(room.controller().status().warnings.size() == 1);
    const auto entries = room.controller().history("shop", 2);
    CHECK(entries.back().what == "cutover to green: back");
  }
}

// Every operation of the disk fails once, and the process is killed right after.
TEST_CASE("whichever operation of the disk fails, the site is wholly on one pool, before and after a restart") {
  for (const bool killed : {false, true}) {
    int flipped = 0;
    for (int nth = 0; nth < 60; ++nth) {
      CAPTURE(nth);
      CutoverRoom room;
      room.files.fail_after(nth, killed);
      auto command = to_green();
      command.check = "/ready";
      const auto answer = room.settled(room.submit(command));
      CHECK(room.mode_of("shop") == Mode::live);
      const auto pool = room.pool();
      REQUIRE(answer->done.has_value());
      CHECK((answer->is_receipt() && answer->receipt().outcome == Outcome::done) == (pool == "green"));
      room.files.heal();
      room.restart();
      CHECK(room.mode_of("shop") == Mode::live);
      // Only a folder that could not be synced leaves it open which of the two a restart finds.
      if (pool == "green") CHECK(room.pool() == "green");
      flipped += pool == "green" ? 1 : 0;
    }
    CHECK(flipped > 0);
    CHECK(flipped < 60);
  }
}
