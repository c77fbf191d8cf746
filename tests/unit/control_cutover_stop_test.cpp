// The command of a cutover that is given up: writes wait until nothing of it runs any more.
#include "tests/unit/cutover_room.h"

#include <doctest/doctest.h>

#include <memory>

using namespace drawbridge;
using core::CutoverFailure;
using core::CutoverStage;
using core::Mode;
using tests::CutoverRoom;

namespace {

constexpr base::Millis deadline{20'000};
const core::Actor bob{.name = "bob", .uid = 1001, .pid = 8};

// A cutover whose command runs, and whose operator may leave.
struct RunRoom : CutoverRoom {
  RunRoom() {
    auto command = tests::to_green();
    command.run = true;
    command.deadline = deadline;
    controller().submit({.what = command, .if_epoch = {}, .actor = alice},
                        {.progress = [this](const control::Progress& one) { answer.progress.push_back(one); },
                         .done = [this](control::Done done) { answer.done = std::move(done); },
                         .is_there = [this] { return there; }});
    id = begin_run(answer);
  }

  // Nothing is told to go on, and nothing is over.
  void check_held() {
    alarms.settle();
    CHECK(stage() == CutoverStage::stop);
    const auto status = status_of("shop");
    CHECK(status.mode.mode == Mode::hold);
    CHECK(status.mode.until == alarms.now().wall + status.cutover->left.value());
    CHECK_FALSE(answer.done.has_value());
  }
  void check_back(CutoverFailure failure) {
    alarms.settle();
    REQUIRE(answer.is_receipt());
    CHECK(answer.receipt().outcome == core::Outcome::failed_back);
    CHECK(answer.receipt().cutover->failure == failure);
    CHECK(answer.receipt().cutover->failed_at == CutoverStage::run);
    CHECK(pool() == "blue");
    CHECK(mode_of("shop") == Mode::live);
    CHECK_FALSE(status_of("shop").cutover.has_value());
  }
  bool says_unheard() const { return answer.receipt().note.contains("was not heard"); }

  tests::Answer answer;
  bool there = true;
  std::uint64_t id = 0;
};

// The three ways to give a command up.
void give_up(RunRoom& room, CutoverFailure why) {
  if (why == CutoverFailure::aborted) REQUIRE(room.controller().abort_cutover("shop", bob).has_value());
  room.there = why != CutoverFailure::gone;
  room.alarms.advance(why == CutoverFailure::deadline ? deadline : base::Millis(200));
}

constexpr CutoverFailure ways[] = {CutoverFailure::aborted, CutoverFailure::gone, CutoverFailure::deadline};

}  // namespace

TEST_CASE("a command that is given up holds the site until it has ended, and no exit code of it moves the site") {
  for (const auto why : ways) {
    CAPTURE(core::name(why));
    RunRoom room;
    give_up(room, why);
    room.check_held();
    CHECK(room.answer.progress.back().cutover->stage == CutoverStage::stop);
    const auto another = room.settled(room.submit(tests::to_green()));
    CHECK(another->refusal().hint.contains("proxyctl cutover shop --abort --now"));
    room.alarms.advance(base::Millis(5'000));
    room.check_held();
    CHECK(room.controller().run_ended("shop", room.id, 0, "", true).has_value());
    room.check_back(why);
    CHECK_FALSE(room.says_unheard());
  }
}

TEST_CASE("of whom nothing is heard any more the command is taken for ended some time after its deadline") {
  for (const auto why : ways) {
    CAPTURE(core::name(why));
    RunRoom room;
    give_up(room, why);
    const auto waited = why == CutoverFailure::deadline ? deadline : base::Millis(200);
    room.alarms.advance(deadline + core::stop_limit - waited - base::Millis(1));
    room.check_held();
    room.alarms.advance(base::Millis(1));
    room.check_back(why);
    CHECK(room.says_unheard());
  }
}

TEST_CASE("a word that a command has ended is taken for its operator's end, when that is faster than our look") {
  RunRoom room;
  room.there = false;
  CHECK(room.controller().run_ended("shop", room.id, 0, "", true).has_value());
  room.check_back(CutoverFailure::gone);
}

TEST_CASE("a command that was told to end has not done its work, whatever its exit code") {
  RunRoom room;
  CHECK(room.controller().run_ended("shop", room.id, 0, "", true).has_value());
  room.check_back(CutoverFailure::run);
}

TEST_CASE("a cutover that is given up can be given up at once, by who knows that nothing of the command runs") {
  for (const bool given_up_before : {true, false}) {
    RunRoom room;
    if (given_up_before) REQUIRE(room.controller().abort_cutover("shop", bob).has_value());
    if (given_up_before) room.check_held();
    const auto again = room.controller().abort_cutover("shop", bob);
    CHECK(again.has_value() == !given_up_before);
    if (given_up_before) CHECK(again.error().hint.contains("proxyctl cutover shop --abort --now"));
    REQUIRE(room.controller().abort_cutover("shop", bob, true).has_value());
    room.check_back(CutoverFailure::aborted);
    CHECK(room.says_unheard());
  }
}
