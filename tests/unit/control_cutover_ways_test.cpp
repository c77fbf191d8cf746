#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::CutoverFailure;
using core::CutoverStage;
using core::Mode;
using core::Outcome;
using tests::a_read;
using tests::back;
using tests::CutoverRoom;
using tests::to_green;

TEST_CASE("a cutover that is given up goes back and names who ended it; after the flip it is too late") {
  CutoverRoom room;
  const core::Actor bob{.name = "bob", .uid = 1001, .pid = 8};
  CHECK_FALSE(room.controller().abort_cutover("shop", bob).has_value());
  auto command = to_green();
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  REQUIRE(room.stage() == CutoverStage::run);
  CHECK(room.controller().abort_cutover("shop", bob).has_value());
  CHECK(room.controller().run_ended("shop", answer->progress.back().cutover->id, 143, "", true).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::failed_back);
  CHECK(answer->receipt().cutover->failure == CutoverFailure::aborted);
  CHECK(answer->receipt().note == "bob (uid 1001) ended it in stage run");
  CHECK(room.pool() == "blue");
  room.workers->hold_fences();
  room.settled(room.submit(to_green()));
  room.workers->release_fences();
  room.workers->hold_fences();
  room.alarms.settle();
  REQUIRE(room.pool() == "green");
  REQUIRE(room.stage() == CutoverStage::retire);
  const auto late = room.controller().abort_cutover("shop", bob);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().message == "shop is on green already");
}

TEST_CASE("a site that an operator holds moves within that hold and stays held") {
  CutoverRoom room;
  auto hold = tests::mode_command(Mode::hold, {"shop"});
  hold.scope = core::HoldScope::all;
  hold.lasts = base::Millis(20'000);
  room.settled(room.submit(hold));
  const auto since = room.status_of("shop").mode.since;
  auto command = to_green();
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  REQUIRE(room.stage() == CutoverStage::run);
  CHECK(room.status_of("shop").mode.scope == core::HoldScope::all);
  CHECK(room.status_of("shop").mode.since == since);
  CHECK(room.controller().run_ended("shop", answer->progress.back().cutover->id, 0).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(room.pool() == "green");
  CHECK(room.mode_of("shop") == Mode::hold);
  room.alarms.advance(base::Millis(20'000));
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("a cutover in an operator's hold must end before that hold; --then ends both in one snapshot") {
  CutoverRoom room;
  auto hold = tests::mode_command(Mode::hold, {"shop"});
  hold.lasts = base::Millis(20'000);
  room.settled(room.submit(hold));
  auto command = to_green();
  command.deadline = base::Millis(30'000);
  const auto refused = room.settled(room.submit(command));
  REQUIRE_FALSE(refused->is_receipt());
  CHECK(refused->refusal().message.find("which ends in 20s") != std::string::npos);
  command.deadline.reset();
  command.then = Mode::live;
  const auto epoch = room.controller().current().epoch;
  const auto answer = room.settled(room.submit(command));
  REQUIRE(answer->is_receipt());
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK(room.pool() == "green");
  CHECK(room.controller().current().epoch == epoch + 2);
}

TEST_CASE("a new pool that dies while the command runs is noticed before the flip") {
  CutoverRoom room;
  auto command = to_green();
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  room.servers_answer = false;
  CHECK(room.controller().run_ended("shop", answer->progress.back().cutover->id, 0).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().cutover->failure == CutoverFailure::check);
  CHECK(room.pool() == "blue");
}

TEST_CASE("who waits for the old pool to drain waits through the cutover, and hears if it comes to nothing") {
  for (const bool flips : {true, false}) {
    CutoverRoom room;
    const auto read = room.workers->enter("shop", a_read);
    auto command = to_green();
    command.run = true;
    const auto answer = room.settled(room.submit(command));
    const auto waited = room.wait_until_drained();
    CHECK_FALSE(waited->has_value());
    CHECK(room.controller().run_ended("shop", answer->progress.back().cutover->id, flips ? 0 : 1).has_value());
    room.alarms.settle();
    CHECK(waited->has_value() == !flips);
    room.workers->leave(read);
    room.alarms.settle();
    REQUIRE(waited->has_value());
    CHECK((*waited)->value().reached == flips);
    if (!flips) CHECK((*waited)->value().note.find("shop is on blue") != std::string::npos);
  }
}

TEST_CASE("the history keeps the end of what the command printed") {
  CutoverRoom room;
  auto command = to_green();
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  const auto id = answer->progress.back().cutover->id;
  CHECK(room.controller().run_ended("shop", id, 0, "promoted\nat 4711\n").has_value());
  room.alarms.settle();
  room.restart();
  bool found = false;
  for (const auto& entry : room.controller().history("shop", 10)) {
    found = found || (entry.what == "cutover to green" && entry.output == "promoted\nat 4711\n");
  }
  CHECK(found);
}

// Each operation of the disk fails, the folder's fsync after the rename included, and all that follow too.
TEST_CASE("whoever reads that a flip was not stored learns when a restart may find it all the same") {
  bool said = false;
  for (int nth = 0; nth < 60; ++nth) {
    CAPTURE(nth);
    CutoverRoom room;
    room.files.fail_after(nth, true);
    const auto answer = room.settled(room.submit(to_green()));
    if (room.pool() == "green") break;
    const bool warned =
        answer->is_receipt() && answer->receipt().note.find("come up on green") != std::string::npos;
    said = said || warned;
    room.files.heal();
    room.restart();
    if (room.pool() == "green") CHECK(warned);
  }
  CHECK(said);
}

TEST_CASE("who waits for a mode's drain is told when a cutover brings another mode") {
  CutoverRoom room;
  room.workers->enter("shop", a_read);
  const auto maintained = room.settled(room.mode(Mode::maintenance, {"shop"}));
  REQUIRE_FALSE(maintained->done.has_value());
  auto command = to_green();
  command.then = Mode::live;
  room.settled(room.submit(command));
  REQUIRE(room.pool() == "green");
  REQUIRE(maintained->is_receipt());
  CHECK(maintained->receipt().outcome == Outcome::superseded);
  CHECK(maintained->receipt().note.find("superseded by cutover to green") != std::string::npos);
}

TEST_CASE("the guard asks the servers that take part, and there must be one") {
  CutoverRoom room;
  const auto take_out = [&](const std::string& pool, const std::string& address) {
    room.submit(
        {.what = core::ServerCommand{.pool = pool, .address = address, .admin = core::ServerAdmin::disabled},
         .if_epoch = {},
         .actor = CutoverRoom::alice});
    room.alarms.settle();
  };
  room.settled(room.submit(to_green()));
  take_out("blue", "127.0.0.1:9001");
  room.dead = "127.0.0.1:9001";
  room.settled(room.submit(back()));
  CHECK(room.pool() == "blue");
  take_out("green", "127.0.0.1:9101");
  const auto refused = room.settled(room.submit(to_green()));
  REQUIRE_FALSE(refused->is_receipt());
  CHECK(refused->refusal().message == "no server of green is ready");
  CHECK(room.pool() == "blue");
}
