// The process ends at each instant of a cutover that goes back by itself: on the way there, in the watch, on the
// way back.
#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace drawbridge;
using core::CutoverStage;
using core::Mode;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

struct Died {};

// Moves to green, where every request fails, and so back to blue; or as far as `passing` lets it.
void go_and_return(ControlRoom& room) {
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  command.watch = base::Millis(30'000);
  command.return_on_errors = true;
  room.settled(room.submit(std::move(command)));
  room.answered = {.requests = 100, .errors = 100};
  room.alarms.advance(base::Millis(1'000));
}

std::vector<std::string> points_passed() {
  std::vector<std::string> points;
  StartedRoom room;
  room.passing = [&](const core::CutoverPoint& point) { points.push_back(core::name(point)); };
  go_and_return(room);
  REQUIRE(room.view("shop").pool->name == "blue");
  return points;
}

}  // namespace

TEST_CASE(
    "a process that ends at any point of a cutover and of its way back comes up on the pool of the last flip") {
  const auto points = points_passed();
  const std::string flip = "flip.store.after";
  REQUIRE(std::ranges::count(points, flip) == 2);
  REQUIRE(std::ranges::find(points, "guard.turn_back.after") != points.end());
  std::size_t flips = 0;
  for (std::size_t last = 0; last < points.size(); ++last) {
    CAPTURE(last);
    CAPTURE(points[last]);
    flips += points[last] == flip ? 1 : 0;
    StartedRoom room;
    std::size_t passed = 0;
    room.passing = [&](const core::CutoverPoint&) {
      if (passed++ == last) throw Died();
    };
    CHECK_THROWS_AS(go_and_return(room), Died);
    room.passing = {};
    room.answered = {};
    room.restart();
    CHECK(room.view("shop").pool->name == (flips == 1 ? "green" : "blue"));
    CHECK(room.mode_of("shop") == Mode::live);
    CHECK_FALSE(room.status_of("shop").cutover.has_value());
  }
}
