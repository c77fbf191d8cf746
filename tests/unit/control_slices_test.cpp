#include "proxy/control/state_json.h"
#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge;
using control::RefusalCode;
using core::CutoverFailure;
using core::CutoverStage;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

constexpr std::string_view acme = "header:X-Tenant=acme", beta = "header:X-Tenant=beta";

core::CutoverCommand move_of(std::string_view match, std::string_view to) {
  core::CutoverCommand command;
  command.site = "shop";
  command.match = match;
  command.to = to;
  command.reason = "night 5";
  return command;
}

core::CutoverCommand rollback_of(std::string_view match) {
  auto command = move_of(match, "");
  command.rollback = true;
  return command;
}

struct Room : tests::StartedRoom {
  Room() : StartedRoom(three_pools) {}

  std::shared_ptr<tests::Answer> begin(core::CutoverCommand command) { return submit(std::move(command)); }
  std::shared_ptr<tests::Answer> carry_out(core::CutoverCommand command) {
    auto answer = settled(begin(std::move(command)));
    REQUIRE(answer->done.has_value());
    return answer;
  }
  void must(core::CutoverCommand command) {
    const auto answer = carry_out(std::move(command));
    if (!answer->is_receipt()) FAIL(answer->refusal().message);
    CHECK(answer->receipt().outcome == Outcome::done);
  }
  std::string refused(core::CutoverCommand command) {
    const auto epoch = controller().current().epoch;
    const auto answer = carry_out(std::move(command));
    REQUIRE_FALSE(answer->is_receipt());
    CHECK(controller().current().epoch == epoch);
    return answer->refusal().message + " | " + answer->refusal().hint;
  }
  // "header:X-Tenant=acme on green; the rest on blue"
  std::string places() {
    std::string text;
    const auto site = status_of("shop");
    for (const auto& one : site.slices) text += one.slice.match + " on " + one.slice.pool + "; ";
    return text + "the rest on " + site.pool;
  }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("one customer moves: its writes are waited for and held, and nobody else's") {
  Room room;
  const auto of_acme = room.workers->enter("shop", {.request_class = RequestClass::write, .tenant = "acme"});
  const auto of_beta = room.workers->enter("shop", {.request_class = RequestClass::write, .tenant = "beta"});
  const auto answer = room.begin(move_of(acme, "green"));
  room.alarms.settle();
  CHECK(room.mode_of("shop") == Mode::live);
  const auto& split = room.view("shop").split;
  REQUIRE(split != nullptr);
  REQUIRE(split->move.has_value());
  CHECK(split->move->hold.mode == Mode::hold);
  CHECK(split->move->answers != nullptr);
  CHECK(room.status_of("shop").cutover->match == acme);
  CHECK(room.status_of("shop").cutover->stage == CutoverStage::drain);
  CHECK(room.places() == "the rest on blue");

  room.workers->leave(of_acme);
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::done);
  CHECK(answer->receipt().ended[RequestClass::write] == 1);
  CHECK(answer->receipt().cutover->match == acme);
  CHECK(answer->receipt().cutover->from == "blue");
  CHECK(room.workers->is_open(of_beta));
  CHECK(room.places() == "header:X-Tenant=acme on green; the rest on blue");
  CHECK_FALSE(room.view("shop").split->move.has_value());
  const auto slice = room.status_of("shop").slices.at(0).slice;
  CHECK(slice.by == "alice (uid 1000)");
  CHECK(slice.reason == "night 5");
  CHECK(has(room.controller().history("shop", 9).at(0).what + room.controller().history("shop", 9).at(1).what,
            "cutover of header:X-Tenant=acme to green"));

  room.restart();
  CHECK(room.places() == "header:X-Tenant=acme on green; the rest on blue");
  CHECK(room.controller().status().warnings.empty());
}

TEST_CASE("customers move one by one, one at a time, and the last night takes the rest along") {
  Room room;
  room.must(move_of(acme, "green"));
  room.must(move_of(beta, "green"));
  room.must(move_of("path:/eu", "green"));
  room.must(move_of("percent:10 by cookie:sid", "green"));
  CHECK(room.places() ==
        "header:X-Tenant=acme on green; header:X-Tenant=beta on green; path:/eu on green; "
        "percent:10 by cookie:sid on green; the rest on blue");
  const auto there = room.workers->enter("shop", {.request_class = RequestClass::write, .tenant = "acme"});
  const auto here = room.workers->enter("shop", {.request_class = RequestClass::write, .tenant = "gamma"});

  auto look = move_of("", "green");
  look.dry_run = true;
  const auto looked = room.carry_out(look);
  REQUIRE(looked->is_receipt());
  CHECK(looked->receipt().cutover->absorbed.size() == 4);

  const auto answer = room.begin(move_of("", "green"));
  room.alarms.settle();
  CHECK_FALSE(answer->done.has_value());
  room.workers->leave(here);
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(room.workers->is_open(there));
  CHECK(answer->receipt().cutover->absorbed.size() == 4);
  CHECK(room.places() == "the rest on green");
  CHECK(room.view("shop").split == nullptr);

  // Undone, everybody is where they were.
  const auto back = room.carry_out(rollback_of(""));
  REQUIRE(back->is_receipt());
  CHECK(back->receipt().cutover->restored.size() == 4);
  CHECK(has(room.places(), "header:X-Tenant=acme on green; header:X-Tenant=beta on green; path:/eu on green"));
  CHECK(has(room.places(), "the rest on blue"));
}

TEST_CASE("a second cutover of the site waits for no one: it is refused and told who holds it") {
  Room room;
  auto command = move_of(acme, "green");
  command.run = true;
  room.begin(command);
  room.alarms.settle();
  const auto why = room.refused(move_of(beta, "green"));
  CHECK(has(why, "cutover of header:X-Tenant=acme from blue to green by alice"));
  CHECK(has(room.refused(move_of("", "green")), "header:X-Tenant=acme"));
}

TEST_CASE("slices on different pools must not be able to meet; a percentage yields") {
  Room room;
  room.must(move_of(acme, "green"));
  room.must(move_of(beta, "red"));
  CHECK(has(room.refused(move_of("path:/eu", "green")),
            "may match both path:/eu and the slice header:X-Tenant=beta"));
  CHECK(has(room.refused(move_of("cookie:tenant=acme", "red")), "header:X-Tenant=acme"));
  room.must(move_of("header:X-Tenant=gamma", "red"));
  room.must(move_of("percent:10", "green"));
  CHECK(has(room.refused(move_of("percent:10 by cookie:sid", "green")), "one percentage"));
  // It would make two on different pools meet.
  room.must(rollback_of("header:X-Tenant=gamma"));
  room.must(rollback_of(beta));
  room.must(move_of("path:/eu", "green"));
  CHECK(has(room.refused(move_of("path:/eu", "red")), "header:X-Tenant=acme"));
}

TEST_CASE("what a slice cannot be is refused before anything is touched") {
  Room room;
  CHECK(room.carry_out(move_of("acme", "green"))->refusal().code == RefusalCode::bad_request);
  CHECK(room.carry_out(move_of(acme, "grene"))->refusal().code == RefusalCode::unknown_pool);
  CHECK(has(room.refused(move_of("host:acme.example", "green")), "no request of shop can match"));
  CHECK(has(room.refused(move_of(acme, "blue")), "already"));
  CHECK(has(room.refused(rollback_of(acme)), "has no slice"));
  room.must(move_of(acme, "green"));
  CHECK(has(room.refused(move_of("header:x-tenant=acme", "green")), "already"));
  CHECK(has(room.refused(rollback_of(beta)), "there is header:X-Tenant=acme on green"));
  CHECK(has(room.refused(rollback_of("")), "never cut over"));
  auto with_mode = move_of(beta, "green");
  with_mode.then = Mode::readonly;
  CHECK(has(room.refused(with_mode), "whole site"));
}

TEST_CASE("a rollback that brings slices back asks the servers of all pools that it goes to") {
  Room room;
  room.must(move_of(acme, "green"));
  room.must(move_of("", "red"));
  auto back = rollback_of("");
  back.discard_writes = true;
  room.dead = "127.0.0.1:9101";  // of green
  CHECK(has(room.refused(back), "servers of blue, green do not answer: 127.0.0.1:9101"));
  room.dead.clear();
  room.must(back);
  CHECK(room.places() == "header:X-Tenant=acme on green; the rest on blue");
}

TEST_CASE("a percentage grows, does not shrink, and is undone step by step") {
  Room room;
  room.must(move_of("percent:10 by cookie:sid", "green"));
  room.must(move_of("percent:25 by cookie:sid", "green"));
  CHECK(has(room.refused(move_of("percent:20 by cookie:sid", "green")), "smaller percentage"));
  CHECK(has(room.refused(move_of("percent:50 by cookie:sid", "red")), "grow there, or move as it is"));
  CHECK(has(room.refused(rollback_of("percent:10 by cookie:sid")), "percent:25 by cookie:sid on green"));
  room.must(move_of("percent:25 by cookie:sid", "red"));
  CHECK(room.places() == "percent:25 by cookie:sid on red; the rest on blue");
  room.restart();
  const auto rollback = [](std::string_view match) {
    auto command = rollback_of(match);
    command.discard_writes = true;
    return command;
  };
  room.must(rollback("percent:25 by cookie:sid"));
  CHECK(room.places() == "percent:25 by cookie:sid on green; the rest on blue");
  room.must(rollback("percent:25 by cookie:sid"));
  CHECK(room.places() == "percent:10 by cookie:sid on green; the rest on blue");
  room.must(rollback("percent:10 by cookie:sid"));
  CHECK(room.places() == "the rest on blue");
}

TEST_CASE("a rollback of a slice says what it would leave behind, and after a restart that nobody knows") {
  Room room;
  room.slice_writes = 5;
  room.must(move_of(acme, "green"));
  room.slice_writes = 12;
  CHECK(room.status_of("shop").slices.at(0).writes == 7);
  CHECK(has(room.refused(rollback_of(acme)), "green has accepted 7 writes"));
  auto command = rollback_of(acme);
  command.discard_writes = true;
  const auto answer = room.carry_out(command);
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().cutover->writes == 7);
  CHECK(room.places() == "the rest on blue");

  room.must(move_of(acme, "green"));
  room.restart();
  CHECK(has(room.refused(rollback_of(acme)), "not known"));
}

TEST_CASE(
    "a slice that was rolled back counts its writes from the move that stays, not from the one that was undone") {
  Room room;
  room.slice_writes = 5;
  room.must(move_of(acme, "green"));
  room.slice_writes = 12;
  room.must(move_of(acme, "red"));
  room.slice_writes = 20;
  auto undo = rollback_of(acme);
  undo.discard_writes = true;
  REQUIRE(room.carry_out(undo)->is_receipt());
  CHECK(room.places() == "header:X-Tenant=acme on green; the rest on blue");
  CHECK(has(room.refused(rollback_of(acme)), "green has accepted 15 writes"));
}

TEST_CASE("what a slice was sent is not among the writes that the rest of its site has accepted") {
  Room room;
  core::CutoverCommand whole;
  whole.site = "shop";
  whole.to = "green";
  room.must(whole);
  room.must(move_of(acme, "red"));
  room.writes = 10;
  room.slice_writes = 4;
  auto slice_back = rollback_of(acme);
  slice_back.discard_writes = true;
  REQUIRE(room.carry_out(slice_back)->is_receipt());
  core::CutoverCommand undo;
  undo.site = "shop";
  undo.rollback = true;
  CHECK(has(room.refused(undo), "green has accepted 6 writes"));
}

TEST_CASE("whatever fails before the flip, the slices are as before") {
  Room room;
  room.must(move_of(beta, "green"));
  auto command = move_of(acme, "green");
  command.run = true;
  const auto answer = room.begin(command);
  room.alarms.settle();
  const auto id = answer->progress.back().cutover->id;
  CHECK(answer->progress.back().cutover->match == acme);
  REQUIRE(room.controller().run_ended("shop", id, 3).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::failed_back);
  CHECK(answer->receipt().cutover->failure == CutoverFailure::run);
  CHECK(room.places() == "header:X-Tenant=beta on green; the rest on blue");
  CHECK_FALSE(room.view("shop").split->move.has_value());

  room.begin(command);
  room.alarms.settle();
  room.restart();
  CHECK(room.places() == "header:X-Tenant=beta on green; the rest on blue");
  REQUIRE(room.controller().status().warnings.size() == 1);
  CHECK(has(room.controller().status().warnings[0], "the cutover of header:X-Tenant=acme from blue to green"));
  CHECK(has(room.controller().status().warnings[0], "it is on blue"));
}

TEST_CASE("a move that nobody waits for the end of is found made after a crash") {
  Room room;
  room.workers->hold_fences();
  room.begin(move_of(acme, "green"));
  room.alarms.settle();
  room.restart();
  CHECK(room.places() == "the rest on blue");
  room.begin(move_of(acme, "green"));
  room.alarms.settle();
  CHECK(room.places() == "header:X-Tenant=acme on green; the rest on blue");
}

TEST_CASE("a pool that a slice is on cannot be taken out of the configuration") {
  Room room;
  room.must(move_of(acme, "red"));
  room.set_config(ControlRoom::default_config);
  const auto answer = room.settled(room.reload());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(has(answer->refusal().message, "slice header:X-Tenant=acme"));
  CHECK(has(answer->refusal().message, "[pool.red]"));
  CHECK(room.places() == "header:X-Tenant=acme on red; the rest on blue");
  room.must(rollback_of(acme));
  const auto again = room.settled(room.reload());
  CHECK(again->is_receipt());
}

TEST_CASE("a server that is taken out of a slice's pool is a change of that site") {
  Room room;
  room.must(move_of(acme, "red"));
  for (const auto& pool : room.controller().status().pools) {
    if (pool.name == "red") CHECK(pool.sites == std::vector<std::string>{"shop"});
  }
}

TEST_CASE("slices are durable in full, and a state of before them is read") {
  control::State state;
  auto& site = state.sites["shop"];
  site.pool = "blue";
  site.slices.push_back({.match = "header:X-Tenant=acme",
                         .pool = "green",
                         .since = {},
                         .by = "alice (uid 1000)",
                         .reason = "night 5",
                         .before = {{}, {.match = "header:X-Tenant=acme", .pool = "red"}}});
  site.previous_slices = {{.match = "percent:2.5 by cookie:sid", .pool = "green", .before = {{}}}};
  site.cutover = control::CutoverRecord{.from = "blue", .to = "green", .by = "alice", .match = "path:/eu"};
  const auto read = control::parse_state(control::format_state(state));
  REQUIRE(read.has_value());
  const auto& kept = read->sites.at("shop");
  REQUIRE(kept.slices.size() == 1);
  CHECK(kept.slices[0].match == "header:X-Tenant=acme");
  CHECK(kept.slices[0].before.size() == 2);
  CHECK(kept.slices[0].before[0].pool.empty());
  CHECK(kept.slices[0].before[1].pool == "red");
  CHECK(kept.previous_slices.at(0).match == "percent:2.5 by cookie:sid");
  CHECK(kept.cutover->match == "path:/eu");

  auto old = control::format_state({.epoch = 7, .sites = {{"shop", {.pool = "blue"}}}, .servers = {}});
  const auto at = old.find("\"version\":5");
  REQUIRE(at != std::string::npos);
  old.replace(at, 11, "\"version\":2");
  REQUIRE(control::parse_state(old).has_value());
  CHECK(control::parse_state(old)->sites.at("shop").slices.empty());
}
