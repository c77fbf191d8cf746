#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::Mode;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

// What the receipt of a mode says of the time before the process began.
std::string said(ControlRoom& room, Mode mode, const std::string& site = "shop") {
  const auto answer = room.settled(room.mode(mode, {site}));
  REQUIRE(answer->is_receipt());
  return answer->receipt().before_restart;
}

void end_in_order(ControlRoom& room) {
  room.controller().stop();
  room.alarms.settle();
}

constexpr const char* lost = ", and what it knew of writes without their servers' whole answer is lost";

}  // namespace

TEST_CASE("after a kill a receipt of ten minutes says that it does not know what was not answered before") {
  StartedRoom room;
  CHECK(said(room, Mode::readonly).empty());  // the first start
  room.restart();
  CHECK(said(room, Mode::readonly).starts_with("proxyd was restarted at 2026-"));
  CHECK(said(room, Mode::readonly).contains(lost));
  CHECK(said(room, Mode::live).empty());  // it waits for no write
  const auto cutover = room.submit(
      {.what = core::CutoverCommand{.site = "shop", .to = "green", .run = true}, .if_epoch = {}, .actor = {}});
  room.alarms.settle();
  CHECK(cutover->progress.back().cutover->before_restart.contains(lost));
  const auto id = cutover->progress.back().cutover->id;
  CHECK(room.controller().run_ended("shop", id, 0).has_value());
  room.alarms.settle();
  REQUIRE(cutover->is_receipt());
  CHECK(cutover->receipt().before_restart.contains(lost));
  room.alarms.advance(base::Millis(9 * 60 * 1'000));
  CHECK(said(room, Mode::readonly).contains(lost));
  room.alarms.advance(base::Millis(61'000));
  CHECK(said(room, Mode::readonly).empty());
}

TEST_CASE("a process that ends in order leaves what it knew of unanswered writes to the next one") {
  StartedRoom room;
  SUBCASE("there were none") {
    end_in_order(room);
    room.restart();
    CHECK(said(room, Mode::readonly).empty());
    room.restart();  // killed
    CHECK(said(room, Mode::readonly).contains(lost));
  }
  SUBCASE("there were some, of one site") {
    room.workers->parked.unknown_writes.count = 2;
    end_in_order(room);
    room.restart();
    CHECK(said(room, Mode::readonly, "forum")
              .contains("before that 2 writes ended without their servers' whole "
                        "answer, and may still be at work"));
    CHECK(said(room, Mode::readonly, "shop").empty());
  }
  SUBCASE("they are long over when it starts") {
    room.workers->parked.unknown_writes.count = 2;
    end_in_order(room);
    room.stop();
    room.alarms.advance(base::Millis(10 * 60 * 1'000));
    REQUIRE(room.start().has_value());
    CHECK(said(room, Mode::readonly, "forum").empty());
  }
}
