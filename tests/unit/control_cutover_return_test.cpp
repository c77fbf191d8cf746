// The way back of a watch that met too many errors.
#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::a_read;
using tests::CutoverRoom;
using tests::to_green;

namespace {

core::CutoverCommand there_and_back() {
  auto command = to_green(base::Millis(30'000));
  command.return_on_errors = true;
  return command;
}

// Every request fails on the new pool, and the next look of the watch sees it.
void fail_everything(CutoverRoom& room) {
  REQUIRE(room.pool() == "green");
  room.answered = {.requests = 100, .errors = 100};
  room.alarms.advance(base::Millis(600));
}

}  // namespace

TEST_CASE("who waits for the old pool to drain is told when the site returns to it") {
  CutoverRoom room;
  room.workers->enter("shop", a_read);
  const auto answer = room.settled(room.submit(there_and_back()));
  const auto waited = room.wait_until_drained();
  REQUIRE_FALSE(waited->has_value());
  fail_everything(room);
  REQUIRE(answer->is_receipt());
  REQUIRE(answer->receipt().outcome == Outcome::returned);
  REQUIRE(waited->has_value());
  CHECK_FALSE((*waited)->value().reached);
  CHECK((*waited)->value().note.find("shop is on blue, the cutover came to nothing") != std::string::npos);
}

TEST_CASE("the way back leaves the mode as it is by then, whatever the way there was to bring") {
  CutoverRoom room;
  auto command = there_and_back();
  command.then = Mode::readonly;
  room.settled(room.submit(command));
  REQUIRE(room.mode_of("shop") == Mode::readonly);
  room.settled(room.mode(Mode::live, {"shop"}));
  fail_everything(room);
  CHECK(room.pool() == "blue");
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("nobody runs a command on the way back, so nothing on it waits for tunnels") {
  CutoverRoom room;
  auto command = there_and_back();
  command.run = true;
  const auto answer = room.submit(command);
  const auto id = room.begin_run(*answer);
  REQUIRE(room.controller().run_ended("shop", id, 0, "").has_value());
  room.alarms.settle();
  const auto tunnel = room.workers->enter("shop", {.request_class = RequestClass::tunnel, .stubborn = true});
  fail_everything(room);
  CHECK(room.pool() == "blue");
  CHECK(room.workers->is_open(tunnel));
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::returned);
}
