// Cutovers over a disk that fails or loses its power: at any of its operations, once or for ever.
#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace drawbridge;
using core::CutoverStage;
using core::Mode;
using tests::a_write;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

core::CutoverCommand to_green() {
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  command.run = true;
  command.check = "/healthz";
  return command;
}

// As far as it comes.
std::shared_ptr<tests::Answer> move(ControlRoom& room, int exit_code) {
  const auto answer = room.settled(room.submit(to_green()));
  const auto status = room.status_of("shop").cutover;
  if (status && status->stage == CutoverStage::run) {
    REQUIRE(room.controller().run_ended("shop", status->id, exit_code).has_value());
    room.alarms.settle();
  }
  return answer;
}

std::string pool_of(const ControlRoom& room) {
  return room.view("shop").pool->name;
}

// The store has said that it does not know what is on the disk.
bool is_uncertain(ControlRoom& room) {
  const auto warnings = room.controller().status().warnings;
  return std::ranges::any_of(warnings,
                             [](const auto& text) { return text.find("a restart may find") != std::string::npos; });
}

}  // namespace

TEST_CASE("whatever the disk does in a cutover, a restart is on the pool that requests had met") {
  int flipped = 0, back = 0, uncertain = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
    StartedRoom room;
    room.files.fail_after(pick(110), pick(2) == 0);
    const auto answer = move(room, pick(4) == 0 ? 1 : 0);
    CHECK(answer->done.has_value());
    CHECK(room.mode_of("shop") == Mode::live);
    CHECK_FALSE(room.status_of("shop").cutover.has_value());
    const auto met = pool_of(room);
    const bool says_done = answer->is_receipt() && answer->receipt().outcome == core::Outcome::done;
    CHECK(says_done == (met == "green"));
    const bool may_differ = is_uncertain(room);
    room.stop();
    room.files.heal();
    if (pick(2) == 0) room.files.cut_power(random);
    REQUIRE(room.start().has_value());
    if (!may_differ) CHECK(pool_of(room) == met);
    CHECK(room.mode_of("shop") == Mode::live);
    flipped += met == "green";
    back += met == "blue";
    uncertain += may_differ;
  }
  CHECK(flipped > 200);
  CHECK(back > 200);
  CHECK(uncertain < 200);
}

TEST_CASE("while a site is held for a cutover, the disk is waited for once a stage") {
  StartedRoom room;
  auto command = to_green();
  command.check.clear();
  const auto write = room.workers->enter("shop", a_write);
  const auto answer = room.settled(room.submit(command));
  REQUIRE(room.status_of("shop").cutover->stage == CutoverStage::drain);
  const auto held = room.files.syncs();
  room.workers->leave(write);
  room.alarms.settle();
  REQUIRE(answer->progress.back().cutover->stage == CutoverStage::run);
  CHECK(room.files.syncs() == held + 1);
  REQUIRE(room.controller().run_ended("shop", answer->progress.back().cutover->id, 0).has_value());
  room.alarms.settle();
  CHECK(pool_of(room) == "green");
  // The guard that looks again, and the flip; when nobody waits any more the history, and the record that is taken
  // away: a file and its folder.
  CHECK(room.files.syncs() <= held + 1 + 2 + 4);
}
