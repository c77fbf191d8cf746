#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::CutoverStage;
using core::Mode;
using core::Outcome;
using tests::back;
using tests::CutoverRoom;
using tests::to_green;

namespace {

constexpr base::Millis half_a_minute{30'000};

}  // namespace

TEST_CASE("a watch tells what the new pool answers and ends well with few errors") {
  CutoverRoom room;
  room.answered = {.requests = 1'000, .errors = 900};  // before the flip: nobody's fault
  const auto answer = room.settled(room.submit(to_green(half_a_minute)));
  REQUIRE(room.pool() == "green");
  CHECK(room.status_of("shop").cutover->stage == CutoverStage::watch);
  room.answered = {.requests = 1'100, .errors = 904};
  room.alarms.advance(half_a_minute + base::Millis(600));
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::done);
  CHECK(answer->receipt().cutover->watched->sample.requests == 100);
  CHECK(answer->receipt().cutover->watched->sample.errors == 4);
  CHECK_FALSE(room.status_of("shop").cutover.has_value());
}

TEST_CASE(
    "too many errors are reported; told to, the site goes back, unless that would leave writes behind unasked") {
  for (const bool returns : {false, true}) {
    for (const bool wrote : {false, true}) {
      for (const bool discards : {false, true}) {
        if (discards && !returns) continue;
        CAPTURE(returns);
        CAPTURE(wrote);
        CAPTURE(discards);
        CutoverRoom room;
        auto command = to_green(half_a_minute);
        command.return_on_errors = returns;
        command.discard_writes = discards;
        const auto answer = room.settled(room.submit(command));
        const auto epoch = room.controller().current().epoch;
        room.writes += wrote ? 3 : 0;
        room.answered = {.requests = 100, .errors = 6};
        room.alarms.advance(half_a_minute + base::Millis(600));
        REQUIRE(answer->is_receipt());
        const bool went_back = returns && (!wrote || discards);
        if (!went_back) CHECK(room.controller().current().epoch == epoch);  // nobody was held in vain
        CHECK(answer->receipt().outcome == (went_back ? Outcome::returned : Outcome::watch_failed));
        CHECK(answer->receipt().note.find("6 of 100 answers of green were errors") != std::string::npos);
        CHECK(room.pool() == (went_back ? "blue" : "green"));
        CHECK(room.mode_of("shop") == Mode::live);
      }
    }
  }
}

TEST_CASE("a way back that is not open leaves the site where it is and says so") {
  CutoverRoom room;
  auto command = to_green(half_a_minute);
  command.return_on_errors = true;
  const auto answer = room.settled(room.submit(command));
  room.servers_answer = false;
  room.answered = {.requests = 100, .errors = 100};
  room.alarms.advance(base::Millis(1'000));
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::watch_failed);
  CHECK(answer->receipt().note.find("the way back to blue failed") != std::string::npos);
  CHECK(room.pool() == "green");
}

TEST_CASE("a watch holds nobody up: modes change, a rollback ends it, and so does an abort") {
  CutoverRoom room;
  const auto watched = room.settled(room.submit(to_green(half_a_minute)));
  const auto mode = room.mode(Mode::readonly, {"shop"});
  room.alarms.advance(base::Millis(600));
  CHECK(mode->is_receipt());
  CHECK(room.mode_of("shop") == Mode::readonly);
  const auto rollback = room.settled(room.submit(back()));
  REQUIRE(watched->is_receipt());
  CHECK(watched->receipt().note.find("ended the watch") != std::string::npos);
  REQUIRE(rollback->is_receipt());
  CHECK(room.pool() == "blue");
  CHECK(room.mode_of("shop") == Mode::readonly);
}

TEST_CASE("a process that ends while it watches comes up on the new pool") {
  CutoverRoom room;
  room.settled(room.submit(to_green(half_a_minute)));
  room.alarms.advance(base::Millis(1'000));
  room.restart();
  CHECK(room.pool() == "green");
  CHECK(room.has_event("cutover_found_made"));
}

TEST_CASE("how many writes the new pool has accepted is known after a restart, or at least so many") {
  for (const bool in_order : {true, false}) {
    CAPTURE(in_order);
    CutoverRoom room;
    room.settled(room.submit(to_green()));
    room.writes += 2;
    room.mode(Mode::live, {"forum"});  // stored, and the count with it
    room.alarms.settle();
    room.writes += 1;
    if (in_order) room.controller().stop();
    room.alarms.settle();
    room.restart();
    room.writes += 4;
    const auto refused = room.settled(room.submit(back()));
    REQUIRE_FALSE(refused->is_receipt());
    CHECK(refused->refusal().message.find(in_order ? "has accepted 7 writes" : "at least 6 writes") !=
          std::string::npos);
  }
}

TEST_CASE(
    "after an orderly end and a kill the number of accepted writes is a lower bound, though nothing changed") {
  CutoverRoom room;
  room.settled(room.submit(to_green()));
  room.controller().stop();
  room.alarms.settle();
  room.restart();
  room.restart();
  const auto refused = room.settled(room.submit(back()));
  REQUIRE_FALSE(refused->is_receipt());
  CHECK(refused->refusal().message.find("at least 0 writes") != std::string::npos);
}

TEST_CASE(
    "a cutover to the pool of before tells the writes that it leaves there as a rollback does, and is not "
    "refused") {
  for (const bool dry_run : {false, true}) {
    CAPTURE(dry_run);
    CutoverRoom room;
    const auto there = room.settled(room.submit(to_green()));
    REQUIRE(there->is_receipt());
    CHECK_FALSE(there->receipt().cutover->writes.has_value());
    room.writes += 29;
    auto command = to_green();
    command.to = "blue";
    command.dry_run = dry_run;
    const auto answer = room.settled(room.submit(command));
    REQUIRE(answer->is_receipt());
    CHECK(room.pool() == (dry_run ? "green" : "blue"));
    CHECK(answer->receipt().cutover->writes == 29);
    CHECK(answer->receipt().cutover->writes_exact);
    CHECK_FALSE(answer->receipt().cutover->discards);
  }
}

TEST_CASE("after a command the new servers are asked again, and nobody waits for the disk meanwhile") {
  for (const bool answer_then : {true, false}) {
    CAPTURE(answer_then);
    CutoverRoom room;
    auto command = to_green();
    command.run = true;
    const auto answer = room.settled(room.submit(command));
    const auto id = answer->progress.back().cutover->id;
    const auto operations = room.files.operations();
    room.servers_answer = answer_then;
    REQUIRE(room.controller().run_ended("shop", id, 0).has_value());
    CHECK(room.status_of("shop").cutover->stage == CutoverStage::check);
    CHECK(room.files.operations() == operations);
    room.alarms.settle();
    CHECK(room.pool() == (answer_then ? "green" : "blue"));
    REQUIRE(answer->is_receipt());
    CHECK(answer->receipt().outcome == (answer_then ? Outcome::done : Outcome::failed_back));
  }
}

TEST_CASE("an operator who leaves a watch does not end it, nor the way back that it begins") {
  CutoverRoom room;
  auto command = to_green(half_a_minute);
  command.return_on_errors = true;
  bool is_there = true;
  control::Completion completion;
  completion.is_there = [&] { return is_there; };
  room.controller().submit({.what = std::move(command), .if_epoch = {}, .actor = CutoverRoom::alice},
                           std::move(completion));
  room.alarms.settle();
  REQUIRE(room.status_of("shop").cutover->stage == CutoverStage::watch);
  is_there = false;
  room.alarms.advance(base::Millis(1'000));
  REQUIRE(room.status_of("shop").cutover->stage == CutoverStage::watch);
  // The way back takes longer than a look for who has gone.
  room.workers->hold_fences();
  room.answered = {.requests = 100, .errors = 100};
  room.alarms.advance(base::Millis(1'000));
  REQUIRE(room.status_of("shop").cutover->stage == CutoverStage::drain);
  room.workers->release_fences();
  room.alarms.advance(base::Millis(1'000));
  CHECK(room.pool() == "blue");
  CHECK_FALSE(room.status_of("shop").cutover.has_value());
}

TEST_CASE("the old pool is left by all, exempt requests too") {
  CutoverRoom room;
  room.settled(room.submit(to_green()));
  CHECK(room.pool() == "green");
  CHECK(room.workers->last_scope.exempt_too);
}

TEST_CASE("the receipt comes when nobody waits any more and names all who did") {
  CutoverRoom room;
  auto command = to_green();
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  room.workers->parked = {.parked = 2,
                          .hold = {.since = room.status_of("shop").mode.since,
                                   .held = 9,
                                   .overflowed = 1,
                                   .waited_in_vain = 2,
                                   .left = 3,
                                   .longest = base::Millis(77)}};
  CHECK(room.controller().run_ended("shop", answer->progress.back().cutover->id, 0).has_value());
  room.alarms.advance(base::Millis(100));
  CHECK(room.pool() == "green");
  CHECK_FALSE(answer->done.has_value());
  room.workers->parked.parked = 0;
  room.alarms.advance(base::Millis(100));
  REQUIRE(answer->is_receipt());
  const auto& cutover = *answer->receipt().cutover;
  CHECK(cutover.parked == 9);
  CHECK(cutover.refused == 3);
  CHECK(cutover.left_parking == 3);
  CHECK(cutover.longest_parked == base::Millis(77));
}

TEST_CASE("a receipt tells the old pool's last write and the new pool's first, and of neither pool another's") {
  CutoverRoom room;
  const auto begin = room.alarms.now();
  room.writes = 1;
  room.first_write = room.last_write = begin.steady;
  room.alarms.advance(base::Millis(5'000));
  const auto there = room.settled(room.submit(to_green(half_a_minute)));
  REQUIRE(room.pool() == "green");
  room.alarms.advance(half_a_minute + base::Millis(600));
  REQUIRE(there->is_receipt());
  CHECK(there->receipt().cutover->last_write_at == begin.wall);
  CHECK_FALSE(there->receipt().cutover->first_write_at.has_value());

  const auto again = room.submit(back());  // nothing was written on green
  room.alarms.settle();
  REQUIRE(again->is_receipt());
  REQUIRE(room.pool() == "blue");
  CHECK_FALSE(again->receipt().cutover->last_write_at.has_value());

  const auto third = room.settled(room.submit(to_green(half_a_minute)));
  const auto written = room.alarms.now();
  room.writes = 2;
  room.first_write = room.last_write = written.steady;
  room.alarms.advance(half_a_minute + base::Millis(600));
  REQUIRE(third->is_receipt());
  CHECK(third->receipt().cutover->first_write_at == written.wall);
}
