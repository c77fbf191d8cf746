#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

using namespace drawbridge;
using base::Millis;
using core::Mode;
using tests::a_write;
using tests::StartedRoom;

TEST_CASE("a mode with an end gives way by itself, recorded as the timer's doing") {
  StartedRoom room;
  room.readonly_for(Millis(60'000));
  room.alarms.advance(Millis(59'999));
  CHECK(room.mode_of("shop") == Mode::readonly);
  CHECK(room.status_of("shop").ends_in->count() == 1);
  room.alarms.advance(Millis(1));
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK(room.view("shop").mode.by == "timer");
  CHECK_FALSE(room.view("shop").mode.until.has_value());
  const auto entries = room.controller().history("shop", 2);
  CHECK(entries[1].actor.name == "timer");
  CHECK(entries[1].sites.front().before == "readonly");
  room.restart();
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("the mode that follows may be maintenance, which keeps the reason") {
  StartedRoom room;
  room.readonly_for(Millis(1'000), Mode::maintenance);
  room.alarms.advance(Millis(1'000));
  CHECK(room.mode_of("shop") == Mode::maintenance);
  CHECK(room.view("shop").mode.reason == "patch");
  room.alarms.advance(Millis(1'000'000));
  CHECK(room.mode_of("shop") == Mode::maintenance);
}

TEST_CASE("a new command replaces the end of the mode before") {
  StartedRoom room;
  room.readonly_for(Millis(1'000));
  room.readonly_for(Millis(5'000));
  room.alarms.advance(Millis(4'999));
  CHECK(room.mode_of("shop") == Mode::readonly);
  room.mode(Mode::readonly, {"shop"});
  room.alarms.advance(Millis(1'000'000));
  CHECK(room.mode_of("shop") == Mode::readonly);
}

TEST_CASE("a timer that ends a mode supersedes a drain that still waits") {
  StartedRoom room;
  room.workers->enter("shop", a_write);
  const auto answer = room.readonly_for(Millis(2'000));
  room.alarms.advance(Millis(2'000));
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == core::Outcome::superseded);
  CHECK(answer->receipt().note.find("timer") != std::string::npos);
}

TEST_CASE("jumps of the wall clock neither stretch nor shorten a mode") {
  for (const auto jump : {Millis(-3'600'000), Millis(3'600'000)}) {
    for (const bool restarts : {false, true}) {
      CAPTURE(jump.count());
      CAPTURE(restarts);
      StartedRoom room;
      room.readonly_for(Millis(60'000));
      room.alarms.advance(Millis(10'000));
      room.alarms.jump_wall(jump);
      if (restarts) room.restart();
      CHECK(room.status_of("shop").ends_in->count() == 50'000);
      room.alarms.advance(Millis(49'999));
      CHECK(room.mode_of("shop") == Mode::readonly);
      room.alarms.advance(Millis(1));
      CHECK(room.mode_of("shop") == Mode::live);
    }
  }
}

TEST_CASE("who sets the wall clock moves the end that is announced, and not the one that comes") {
  for (const auto jump : {Millis(-3'600'000), Millis(3'600'000), Millis(-1'000), Millis(1'000)}) {
    CAPTURE(jump.count());
    StartedRoom room;
    room.readonly_for(Millis(60'000));
    const auto announced = *room.status_of("shop").mode.until;
    room.alarms.advance(Millis(10'000));
    CHECK(*room.status_of("shop").mode.until == announced);
    room.alarms.jump_wall(jump);
    room.alarms.advance(Millis(1'000));
    CHECK(*room.view("shop").mode.until == announced + jump);
    CHECK(*room.status_of("shop").mode.until == announced + jump);
    room.alarms.advance(Millis(48'999));
    CHECK(room.mode_of("shop") == Mode::readonly);
    room.alarms.advance(Millis(1));
    CHECK(room.mode_of("shop") == Mode::live);
  }
}

TEST_CASE("a clock that was set while the proxy was down moves the announced end as well, once") {
  StartedRoom room;
  room.readonly_for(Millis(60'000));
  const auto announced = *room.status_of("shop").mode.until;
  room.stop();
  room.alarms.jump_wall(Millis(-3'600'000));
  REQUIRE(room.start().has_value());
  room.alarms.advance(Millis(1'000));
  CHECK(*room.status_of("shop").mode.until == announced - Millis(3'600'000));
  const auto epoch = room.status_of("shop").epoch;
  room.alarms.advance(Millis(20'000));
  CHECK(room.status_of("shop").epoch == epoch);
}

TEST_CASE("after a command that follows a jump of the wall clock the new end holds") {
  StartedRoom room;
  room.readonly_for(Millis(60'000));
  room.alarms.jump_wall(Millis(-3'600'000));
  room.readonly_for(Millis(60'000));
  room.alarms.advance(Millis(59'999));
  CHECK(room.mode_of("shop") == Mode::readonly);
  room.alarms.advance(Millis(1));
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("after a reboot the wall clock decides, but never for longer than was meant") {
  struct Row {
    std::int64_t down_ms;
    std::int64_t left_ms;
  };
  const Row rows[] = {{20'000, 30'000}, {50'000, 0}, {900'000, 0}, {-3'600'000, 60'000}};
  for (const auto& row : rows) {
    CAPTURE(row.down_ms);
    StartedRoom room;
    room.readonly_for(Millis(60'000));
    room.alarms.advance(Millis(10'000));
    room.stop();
    room.alarms.reboot(Millis(row.down_ms));
    room.boot = "boot-2";
    REQUIRE(room.start().has_value());
    CHECK(room.status_of("shop").ends_in->count() == row.left_ms);
    room.alarms.advance(Millis(row.left_ms));
    CHECK(room.mode_of("shop") == Mode::live);
  }
}

TEST_CASE("who moves the end of a mode keeps what follows it, and why, unless they say otherwise") {
  StartedRoom room;
  auto command = tests::mode_command(Mode::readonly, {"shop"});
  command.lasts = Millis(60'000);
  command.then = Mode::maintenance;
  command.reason = "upgrade";
  const auto carry_out = [&] {
    const auto answer = room.settled(room.submit(command));
    REQUIRE(answer->is_receipt());
    return answer->receipt().warning;
  };
  CHECK(carry_out().empty());
  command.then.reset();
  command.reason.clear();
  command.lasts = Millis(90'000);
  CHECK(carry_out() == "maintenance follows for shop, as before: --then was not given");
  CHECK(room.status_of("shop").mode.reason == "upgrade");
  CHECK(room.status_of("shop").mode.then == Mode::maintenance);
  command.then = Mode::live;
  CHECK(carry_out().empty());
  CHECK(room.status_of("shop").mode.then == Mode::live);
  command.then = Mode::maintenance;
  carry_out();
  command.mode = Mode::hold;  // another mode: nothing of the old one is meant
  command.then.reset();
  command.lasts = Millis(10'000);
  CHECK(carry_out().empty());
  CHECK(room.status_of("shop").mode.then == Mode::live);
}

TEST_CASE("a hold without --for is followed at its longest by the mode that was given") {
  StartedRoom room;
  auto command = tests::mode_command(Mode::hold, {"shop"});
  command.then = Mode::readonly;
  const auto answer = room.settled(room.submit(command));
  REQUIRE(answer->is_receipt());
  const auto longest = room.controller().config().find_site("shop")->hold.max_total;
  room.alarms.advance(longest - Millis(1));
  CHECK(room.mode_of("shop") == Mode::hold);
  room.alarms.advance(Millis(1));
  CHECK(room.mode_of("shop") == Mode::readonly);
}

TEST_CASE("an end that passed while the proxy was down comes at the start") {
  StartedRoom room;
  room.readonly_for(Millis(5'000), Mode::maintenance);
  room.stop();
  room.alarms.advance(Millis(10'000));
  REQUIRE(room.start().has_value());
  room.alarms.settle();
  CHECK(room.mode_of("shop") == Mode::maintenance);
}

TEST_CASE("a timer whose change cannot be stored keeps trying and says so") {
  StartedRoom room;
  room.readonly_for(Millis(5'000));
  room.files.fail_after(0, true);
  room.alarms.advance(Millis(60'000));
  CHECK(room.mode_of("shop") == Mode::readonly);
  CHECK(room.has_event("timer_change_failed"));
  CHECK_FALSE(room.controller().status().warnings.empty());
  room.files.heal();
  room.alarms.advance(Millis(30'000));
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK(room.controller().status().warnings.empty());
}

TEST_CASE("sites whose time ends together and that go different ways each go theirs") {
  StartedRoom room;
  room.readonly_for(Millis(1'000), Mode::maintenance);
  auto forum = tests::mode_command(Mode::maintenance, {"forum"});
  forum.until = room.alarms.now().wall + Millis(1'000);
  room.submit(forum);
  room.alarms.advance(Millis(1'000));
  CHECK(room.mode_of("shop") == Mode::maintenance);
  CHECK(room.mode_of("forum") == Mode::live);
}
