#include "proxy/control/slices.h"
#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using namespace drawbridge;
using control::WaitFor;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::a_read;
using tests::a_tunnel;
using tests::a_write;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

std::shared_ptr<tests::Answer> move_to(ControlRoom& room, const std::string& pool, bool rollback = false,
                                       const std::string& match = {}) {
  core::CutoverCommand command;
  command.site = "shop";
  command.match = match;
  command.to = rollback ? "" : pool;
  command.rollback = rollback;
  command.discard_writes = rollback;
  return room.settled(room.submit(command));
}

bool is_drained(ControlRoom& room) {
  auto reached = std::make_shared<bool>(false);
  WaitFor drained;
  drained.until = WaitFor::Until::drained;
  drained.sites = {"shop"};
  drained.timeout = base::Millis(10);
  room.controller().wait(drained, [reached](const auto& waited) { *reached = waited.value().reached; });
  room.alarms.advance(base::Millis(10));
  room.alarms.settle();
  return *reached;
}

// How the change ended, by the history; none: it has not.
std::optional<Outcome> end_of(ControlRoom& room, const std::string& what) {
  for (const auto& entry : room.controller().history({}, 100)) {
    if (entry.kind == control::HistoryEntry::Kind::ended && entry.what == what) return entry.outcome;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("an old pool has drained when its last request has ended, whatever modes came since") {
  for (const auto kind : {tests::FakeWorkers::Kind{.request_class = RequestClass::read},
                          tests::FakeWorkers::Kind{.request_class = RequestClass::write, .exempt = true}}) {
    StartedRoom room;
    room.settled(room.mode(Mode::readonly, {"shop"}));
    const auto old = room.workers->enter("shop", kind);
    REQUIRE(move_to(room, "green")->is_receipt());
    for (const auto mode : {Mode::live, Mode::readonly, Mode::maintenance, Mode::live}) {
      CAPTURE(core::name(mode));
      room.settled(room.mode(mode, {"shop"}));
      CHECK_FALSE(is_drained(room));
    }
    room.workers->leave(old);
    room.alarms.settle();
    CHECK(is_drained(room));
    CHECK(end_of(room, "cutover to green") == Outcome::done);
  }
}

TEST_CASE("what an old pool still has after the drain deadline is waited for, whatever modes came since") {
  StartedRoom room;
  const auto old = room.workers->enter("shop", a_read);
  REQUIRE(move_to(room, "green")->is_receipt());
  room.alarms.advance(base::Millis(120'000));
  CHECK(end_of(room, "cutover to green") == Outcome::outstanding);
  room.settled(room.mode(Mode::live, {"shop"}));
  CHECK_FALSE(is_drained(room));
  room.workers->leave(old);
  CHECK(is_drained(room));
}

TEST_CASE("a cutover that is rolled back before its old pool was left is superseded") {
  StartedRoom room;
  const auto of_blue = room.workers->enter("shop", a_read);
  REQUIRE(move_to(room, "green")->is_receipt());
  const auto of_green = room.workers->enter("shop", a_read);
  REQUIRE(move_to(room, "blue", true)->is_receipt());
  CHECK(end_of(room, "cutover to green") == Outcome::superseded);
  CHECK_FALSE(is_drained(room));
  room.workers->leave(of_green);
  room.workers->leave(of_blue);
  CHECK(is_drained(room));
}

TEST_CASE("a cutover of a site is superseded when a slice goes to the pool that it leaves") {
  StartedRoom room;
  const auto of_blue = room.workers->enter("shop", a_read);
  REQUIRE(move_to(room, "green")->is_receipt());
  REQUIRE(move_to(room, "blue", false, "header:X-Tenant=acme")->is_receipt());
  CHECK(end_of(room, "cutover to green") == Outcome::superseded);
  room.workers->leave(of_blue);
}

TEST_CASE("a slice that goes to another pool than a cutover leaves takes nothing of that back") {
  StartedRoom room(ControlRoom::three_pools);
  const auto of_blue = room.workers->enter("shop", a_read);
  REQUIRE(move_to(room, "green")->is_receipt());
  REQUIRE(move_to(room, "red", false, "header:X-Tenant=acme")->is_receipt());
  CHECK_FALSE(end_of(room, "cutover to green").has_value());
  room.workers->leave(of_blue);
  room.alarms.settle();
  CHECK(end_of(room, "cutover to green") == Outcome::done);
}

TEST_CASE("a cutover of a slice is superseded when it comes back in whatever spelling, and not by another slice") {
  const std::string acme = "header:X-Tenant=acme";
  for (const auto& [back, rollback, taken] :
       {std::tuple{"header:x-tenant=acme", false, true}, std::tuple{"header:x-tenant=acme", true, true},
        std::tuple{"header:X-Tenant=umbrella", false, false},
        std::tuple{"percent:10 by cookie:sid", false, false}}) {
    CAPTURE(back);
    CAPTURE(rollback);
    StartedRoom room(ControlRoom::three_pools);
    if (!taken) REQUIRE(move_to(room, "red", false, back)->is_receipt());
    const auto of_blue = room.workers->enter("shop", {.request_class = RequestClass::read, .tenant = "acme"});
    REQUIRE(move_to(room, "green", false, acme)->is_receipt());
    REQUIRE(move_to(room, "blue", rollback, back)->is_receipt());
    CHECK((end_of(room, "cutover of " + acme + " to green") == Outcome::superseded) == taken);
    room.workers->leave(of_blue);
    CHECK(is_drained(room));
  }
}

TEST_CASE("where the requests of a match go: of a percentage that grew less than before, of the grown one more") {
  const std::string tenth = "percent:10 by address", hundredth = "percent:1 by address",
                    acme = "header:X-Tenant=acme";
  using Pools = std::vector<std::string>;
  control::SiteState site{.pool = "blue"};
  CHECK(control::pools_of(site, acme) == Pools{"blue"});
  site.slices = {{.match = tenth, .pool = "green"}};
  CHECK(control::pools_of(site, hundredth) == Pools{"green"});
  CHECK(control::pools_of(site, tenth) == Pools{"green"});
  CHECK(control::pools_of(site, acme) == Pools{"green", "blue"});
  CHECK(control::pools_of(site, "percent:10 by cookie:sid") == Pools{"green", "blue"});
  site.slices = {{.match = acme, .pool = "red"}, {.match = hundredth, .pool = "green"}};
  CHECK(control::pools_of(site, tenth) == Pools{"green", "blue"});
  CHECK(control::pools_of(site, "header:x-tenant=acme") == Pools{"red"});
  CHECK(control::pools_of(site, "") == Pools{"red", "green", "blue"});
}

TEST_CASE("a cutover that leaves several pools is superseded by going back to one of them") {
  for (const bool all : {true, false}) {
    CAPTURE(all);
    StartedRoom room(ControlRoom::three_pools);
    REQUIRE(move_to(room, "red", false, "header:X-Tenant=acme")->is_receipt());
    const auto of_blue = room.workers->enter("shop", a_read);
    REQUIRE(move_to(room, "green")->is_receipt());
    CHECK_FALSE(end_of(room, "cutover to green").has_value());
    const auto back = all ? move_to(room, "", true) : move_to(room, "red", false, "header:X-Tenant=acme");
    REQUIRE(back->is_receipt());
    CHECK(end_of(room, "cutover to green") == Outcome::superseded);
    room.workers->leave(of_blue);
  }
}

TEST_CASE("a cutover that is given up leaves no drain behind: writes go on") {
  StartedRoom room;
  room.workers->enter("shop", a_write);
  const auto answer = move_to(room, "green");
  CHECK(room.status_of("shop").draining.has_value());
  REQUIRE(room.controller().abort_cutover("shop", ControlRoom::alice).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::failed_back);
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK_FALSE(room.status_of("shop").draining.has_value());
  CHECK(is_drained(room));
}

TEST_CASE("a drain of a mode outlives a cutover that was given up") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  room.settled(room.mode(Mode::readonly, {"shop"}));
  move_to(room, "green");
  REQUIRE(room.controller().abort_cutover("shop", ControlRoom::alice).has_value());
  room.alarms.settle();
  CHECK_FALSE(is_drained(room));
  room.workers->leave(write);
  CHECK(is_drained(room));
}

TEST_CASE("without a command tunnels are not waited for: they are told to go after the flip, and counted") {
  StartedRoom room;
  const auto tunnel = room.workers->enter("shop", a_tunnel);
  const auto answer = move_to(room, "green");
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::done);
  CHECK(answer->receipt().cutover->held.count() == 0);
  CHECK(answer->receipt().cutover->open_at_flip[RequestClass::tunnel] == 1);
  CHECK(room.workers->last_scope.classes.has(RequestClass::tunnel));
  CHECK(room.workers->last_tunnel_spread.count() == 5'000);
  CHECK_FALSE(is_drained(room));
  room.mode(Mode::live, {"shop"});
  room.alarms.advance(base::Millis(60'000));
  CHECK_FALSE(room.workers->is_open(tunnel));
  CHECK(end_of(room, "cutover to green") == Outcome::cut);
}

TEST_CASE("before a command all tunnels have ended: told at once, and cut after two seconds") {
  StartedRoom room;
  const auto tunnel = room.workers->enter("shop", a_tunnel);
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  command.run = true;
  const auto answer = room.submit(command);
  room.alarms.advance(base::Millis(1'900));
  CHECK(room.workers->last_tunnel_spread.count() == 0);
  CHECK(room.workers->is_open(tunnel));
  CHECK(room.status_of("shop").cutover->stage == core::CutoverStage::drain);
  room.alarms.advance(base::Millis(200));
  CHECK_FALSE(room.workers->is_open(tunnel));
  REQUIRE(room.status_of("shop").cutover->stage == core::CutoverStage::run);
  CHECK(room.controller().run_ended("shop", answer->progress.back().cutover->id, 0).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::cut);
  CHECK(answer->receipt().cut.size() == 1);
}

TEST_CASE("tunnels that are late do not end the wait for writes") {
  StartedRoom room;
  room.workers->enter("shop", a_tunnel);
  const auto write = room.workers->enter("shop", a_write);
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  command.run = true;
  const auto answer = room.submit(command);
  room.alarms.advance(base::Millis(5'000));
  CHECK(room.workers->open_count() == 1);
  CHECK(room.status_of("shop").cutover->stage == core::CutoverStage::drain);
  room.workers->leave(write);
  room.alarms.settle();
  CHECK(room.status_of("shop").cutover->stage == core::CutoverStage::run);
}

TEST_CASE("writes that need not end are named before the command begins and in the receipt") {
  StartedRoom room;
  room.workers->enter("shop", {.request_class = RequestClass::write, .exempt = true});
  room.last_write = room.alarms.now().steady;  // another one, that has ended
  room.workers->parked.in_flight[RequestClass::write] = 1;
  room.workers->parked.oldest_writes = {{.request_id = "exempt-one"}};
  core::CutoverCommand command;
  command.site = "shop";
  command.to = "green";
  command.run = true;
  const auto answer = room.settled(room.submit(command));
  const auto& told = answer->progress.back().cutover.value();
  REQUIRE(told.stage == core::CutoverStage::run);
  CHECK(told.open_at_run == 1);
  CHECK(told.oldest_at_run.at(0).request_id == "exempt-one");
  CHECK(room.controller().run_ended("shop", told.id, 0).has_value());
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  const auto& cutover = answer->receipt().cutover.value();
  CHECK(cutover.open_at_run == 1);
  CHECK(cutover.open_at_flip[RequestClass::write] == 1);
  CHECK_FALSE(cutover.last_write_at.has_value());
}
