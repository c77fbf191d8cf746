#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using core::Mode;
using core::Outcome;
using core::RequestClass;
using tests::a_read;
using tests::a_tunnel;
using tests::a_write;
using tests::mode_command;
using tests::StartedRoom;

TEST_CASE("readonly returns when the last write has ended, and not before") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  room.workers->enter("shop", a_read);
  room.workers->enter("forum", a_write);
  const auto answer = room.mode(Mode::readonly, {"shop"});
  CHECK(room.mode_of("shop") == Mode::readonly);
  room.alarms.advance(base::Millis(5'000));
  CHECK_FALSE(answer->done.has_value());
  room.workers->leave(write);
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  const auto& receipt = answer->receipt();
  CHECK(receipt.outcome == Outcome::done);
  CHECK(receipt.drained.count() == 5'000);
  CHECK(receipt.ended[RequestClass::write] == 1);
  CHECK(receipt.ended.total() == 1);
  CHECK(receipt.sites == std::vector<std::string>{"shop"});
  CHECK(receipt.epoch == room.controller().current().epoch);
}

TEST_CASE("maintenance waits for reads as well, live for nothing") {
  StartedRoom room;
  const auto read = room.workers->enter("shop", a_read);
  const auto maintenance = room.settled(room.mode(Mode::maintenance, {"shop"}));
  CHECK_FALSE(maintenance->done.has_value());
  room.workers->leave(read);
  room.alarms.settle();
  REQUIRE(maintenance->is_receipt());

  room.workers->enter("shop", {.request_class = RequestClass::read, .exempt = true});
  const auto live = room.settled(room.mode(Mode::live, {"shop"}));
  REQUIRE(live->is_receipt());
  CHECK(live->receipt().outcome == Outcome::done);
}

TEST_CASE("exempt requests and tunnels that a read rule names are not waited for in readonly") {
  StartedRoom room;
  room.workers->enter("shop", {.request_class = RequestClass::write, .exempt = true});
  room.workers->enter("shop", {.request_class = RequestClass::tunnel, .read_tunnel = true});
  const auto answer = room.settled(room.mode(Mode::readonly, {"shop"}));
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().ended.total() == 0);
}

TEST_CASE("at the drain deadline what is open is listed and goes on") {
  StartedRoom room;
  const auto write = room.workers->enter("forum", a_write);
  const auto answer = room.mode(Mode::readonly, {"forum"});
  room.alarms.advance(base::Millis(9'999));
  CHECK_FALSE(answer->done.has_value());
  room.alarms.advance(base::Millis(1));
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::outstanding);
  CHECK(answer->receipt().outstanding_counts[RequestClass::write] == 1);
  REQUIRE(answer->receipt().outstanding.size() == 1);
  CHECK(answer->receipt().outstanding.front().request_id == write);
  CHECK(answer->receipt().ended.total() == 0);
  CHECK(room.workers->is_open(write));
  REQUIRE(room.status_of("forum").draining.has_value());
  CHECK(room.status_of("forum").draining->left.count() == 0);
  CHECK(room.status_of("forum").draining->open[RequestClass::write] == 1);
  room.workers->leave(write);
  room.alarms.settle();
  CHECK_FALSE(room.status_of("forum").draining.has_value());
}

TEST_CASE("with cut what is open at the deadline is ended and named") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  auto cut = mode_command(Mode::readonly, {"shop"});
  cut.drain_timeout = base::Millis(0);
  cut.cut = true;
  const auto answer = room.settled(room.submit(cut));
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::cut);
  REQUIRE(answer->receipt().cut.size() == 1);
  CHECK(answer->receipt().cut.front().request_id == write);
  CHECK(answer->receipt().ended.total() == 0);
  CHECK(room.workers->open_count() == 0);
}

TEST_CASE("a cut request that takes its time is waited for a moment and named in any case") {
  StartedRoom room;
  room.workers->enter("shop", {.request_class = RequestClass::write, .stubborn = true});
  auto cut = mode_command(Mode::readonly, {"shop"});
  cut.drain_timeout = base::Millis(100);
  cut.cut = true;
  const auto answer = room.submit(cut);
  room.alarms.advance(base::Millis(100));
  room.alarms.settle();
  CHECK_FALSE(answer->done.has_value());
  room.alarms.advance(control::Drain::departure_grace);
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::cut);
  CHECK(answer->receipt().cut_counts.total() == 1);
}

TEST_CASE("tunnels still open at the deadline are cut without being asked to") {
  StartedRoom room;
  const auto tunnel = room.workers->enter("shop", a_tunnel);
  const auto write = room.workers->enter("shop", a_write);
  const auto answer = room.mode(Mode::readonly, {"shop"});
  room.alarms.advance(base::Millis(30'000));
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK_FALSE(room.workers->is_open(tunnel));
  CHECK(room.workers->is_open(write));
  CHECK(answer->receipt().outcome == Outcome::outstanding);
  CHECK(answer->receipt().cut_counts[RequestClass::tunnel] == 1);
  CHECK(answer->receipt().outstanding_counts.total() == 1);
}

TEST_CASE("tunnels are told to go within the drain time") {
  StartedRoom room;
  auto quick = mode_command(Mode::readonly, {"shop"});
  quick.drain_timeout = base::Millis(500);
  room.submit(quick);
  CHECK(room.workers->last_tunnel_spread.count() == 500);
  room.mode(Mode::readonly, {"forum"});
  CHECK(room.workers->last_tunnel_spread.count() == 2'000);
}

TEST_CASE("no receipt comes before every worker has passed the fence") {
  StartedRoom room;
  room.workers->hold_fences();
  const auto live = room.mode(Mode::live, {"shop"});
  const auto readonly = room.mode(Mode::readonly, {"shop"});
  room.alarms.advance(base::Millis(60'000));
  CHECK_FALSE(readonly->done.has_value());
  room.workers->release_fences();
  room.alarms.settle();
  REQUIRE(readonly->is_receipt());
  CHECK(readonly->receipt().fenced.count() == 60'000);
}

TEST_CASE("a receipt tells when the last worker passed the fence, not when that was heard") {
  StartedRoom room;
  room.workers->hold_fences();
  room.workers->passed_at = room.alarms.now().steady + base::Millis(3);
  const auto live = room.mode(Mode::live, {"shop"});
  room.alarms.advance(base::Millis(500));
  room.workers->release_fences();
  room.alarms.settle();
  REQUIRE(live->is_receipt());
  CHECK(live->receipt().fenced.count() == 3);
}

TEST_CASE("readonly on a site that is readonly fences and waits again") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  auto impatient = mode_command(Mode::readonly, {"shop"});
  impatient.drain_timeout = base::Millis(0);
  impatient.reason = "first";
  const auto first = room.settled(room.submit(impatient));
  REQUIRE(first->is_receipt());
  CHECK(first->receipt().outcome == Outcome::outstanding);
  const auto since = room.view("shop").mode.since;
  room.alarms.advance(base::Millis(1'000));
  const auto second = room.settled(room.mode(Mode::readonly, {"shop"}));
  CHECK_FALSE(second->done.has_value());
  room.workers->leave(write);
  room.alarms.settle();
  REQUIRE(second->is_receipt());
  CHECK(second->receipt().outcome == Outcome::done);
  CHECK(second->receipt().epoch == first->receipt().epoch + 1);
  CHECK(room.view("shop").mode.since == since);
  CHECK(room.view("shop").mode.reason == "first");
}

TEST_CASE("repeating a command over a write that never ends is answered each time") {
  StartedRoom room;
  room.workers->enter("shop", a_write);
  auto impatient = mode_command(Mode::readonly, {"shop"});
  impatient.drain_timeout = base::Millis(0);
  for (std::size_t i = 0; i < 2 * control::Changes::changes_max; ++i) {
    const auto answer = room.settled(room.submit(impatient));
    REQUIRE(answer->is_receipt());
    CHECK(answer->receipt().outcome == Outcome::outstanding);
  }
  CHECK(room.status_of("shop").draining->epoch == room.controller().current().epoch);
}

TEST_CASE("a laxer mode supersedes one that still drains, which says so at once") {
  StartedRoom room;
  room.workers->enter("shop", a_write);
  const auto readonly = room.settled(room.mode(Mode::readonly, {"shop"}));
  const auto live = room.settled(room.mode(Mode::live, {"shop"}));
  REQUIRE(readonly->is_receipt());
  CHECK(readonly->receipt().outcome == Outcome::superseded);
  CHECK(readonly->receipt().note.find("live of alice") != std::string::npos);
  CHECK(readonly->receipt().ended.total() == 0);
  REQUIRE(live->is_receipt());
  CHECK(live->receipt().outcome == Outcome::done);
}

TEST_CASE("a stricter mode leaves the promise of the one before whole") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  const auto read = room.workers->enter("shop", a_read);
  const auto readonly = room.mode(Mode::readonly, {"shop"});
  const auto maintenance = room.mode(Mode::maintenance, {"shop"});
  room.workers->leave(write);
  room.alarms.settle();
  REQUIRE(readonly->is_receipt());
  CHECK(readonly->receipt().outcome == Outcome::done);
  CHECK_FALSE(maintenance->done.has_value());
  room.workers->leave(read);
  room.alarms.settle();
  CHECK(maintenance->is_receipt());
}

TEST_CASE("a change of several sites that one site was taken from says so when the others have drained") {
  StartedRoom room;
  const auto write = room.workers->enter("forum", a_write);
  const auto all = room.settled(room.mode(Mode::readonly));
  room.settled(room.mode(Mode::live, {"shop"}));
  CHECK_FALSE(all->done.has_value());
  room.workers->leave(write);
  room.alarms.settle();
  REQUIRE(all->is_receipt());
  CHECK(all->receipt().outcome == Outcome::superseded);
}

TEST_CASE("progress tells published, fenced and then what is open once a second") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  const auto answer = room.mode(Mode::readonly, {"shop"});
  room.alarms.advance(base::Millis(2'500));
  REQUIRE(answer->progress.size() == 5);
  CHECK(answer->progress[0].stage == control::Stage::published);
  CHECK(answer->progress[1].stage == control::Stage::fenced);
  for (std::size_t i = 2; i < 5; ++i) {
    CHECK(answer->progress[i].stage == control::Stage::draining);
    CHECK(answer->progress[i].open[RequestClass::write] == 1);
    CHECK(answer->progress[i].timeout->count() == 30'000);
  }
  room.workers->leave(write);
  room.alarms.settle();
  CHECK(answer->is_receipt());
}

TEST_CASE(
    "a write that ended without its server's answer is named, not counted as ended, and done only with --cut") {
  using control::Drain;
  const auto start = base::SteadyTime{};
  core::ClassCounts two;
  two[core::RequestClass::write] = 2;
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    Drain drain({}, start, true, cut);
    drain.on_fenced(two, start);
    drain.on_unknown({.request_id = "r1", .site = "shop", .request_class = core::RequestClass::write});
    CHECK(drain.on_drained(two, start + base::Millis(9)) == Drain::Action::finish);
    CHECK(drain.receipt().ended[core::RequestClass::write] == 1);
    REQUIRE(drain.receipt().unknown.size() == 1);
    CHECK(drain.receipt().unknown.front().request_id == "r1");
    CHECK(drain.receipt().unknown_counts.total() == 1);
    CHECK(drain.receipt().cut_counts.total() == 0);
    CHECK(drain.receipt().outcome == (cut ? core::Outcome::cut : core::Outcome::unknown));
  }
}

TEST_CASE("a write that had no answer does not hide one that is open still") {
  using control::Drain;
  const auto start = base::SteadyTime{};
  core::ClassCounts two, one;
  two[core::RequestClass::write] = 2;
  one[core::RequestClass::write] = 1;
  Drain drain({}, start, true, false);
  drain.on_fenced(two, start);
  drain.on_unknown({.request_id = "r1", .site = "shop", .request_class = core::RequestClass::write});
  CHECK(drain.on_deadline(start) == Drain::Action::cut_tunnels);
  CHECK(drain.on_cut({}, start) == Drain::Action::list);
  CHECK(drain.on_listed({.counts = one, .untouched = {}, .requests = {}}, start) == Drain::Action::finish);
  CHECK(drain.receipt().outcome == core::Outcome::outstanding);
  CHECK(drain.receipt().unknown_counts.total() == 1);
  CHECK(drain.receipt().ended.total() == 0);
}

TEST_CASE("what was cut before any server saw it has ended like others, also while its answer is on its way") {
  using control::Drain;
  const auto start = base::SteadyTime{};
  core::ClassCounts one;
  one[core::RequestClass::write] = 1;
  for (const bool left_in_time : {true, false}) {
    Drain drain({}, start, true, true);
    drain.on_fenced(one, start);
    CHECK(drain.on_deadline(start) == Drain::Action::cut_all);
    CHECK(drain.on_cut({.counts = {}, .untouched = one, .requests = {}}, start) == Drain::Action::await_departure);
    const auto end = left_in_time ? drain.on_drained(one, start) : drain.on_grace_over(start);
    CHECK(end == Drain::Action::finish);
    CHECK(drain.receipt().outcome == core::Outcome::done);
    CHECK(drain.receipt().ended.total() == 1);
    CHECK(drain.receipt().cut_counts.total() == 0);
  }
}

TEST_CASE("a receipt names the writes that had ended without an answer before the command, where writes must end") {
  StartedRoom room;
  room.workers->earlier.count = 2;
  room.workers->earlier.requests = {{.request_id = "r1"}, {.request_id = "r2"}};
  const auto readonly = room.settled(room.mode(core::Mode::readonly, {"shop"}));
  const auto live = room.settled(room.mode(core::Mode::live, {"shop"}));
  core::ServerCommand out;
  out.pool = "blue";
  out.address = "127.0.0.1:9001";
  out.admin = core::ServerAdmin::drain;
  const auto drained = room.settled(room.submit(out));
  REQUIRE(readonly->is_receipt());
  CHECK(readonly->receipt().earlier.count == 2);
  CHECK(drained->receipt().earlier.count == 0);  // they may have been another server's
  CHECK(readonly->receipt().outcome == core::Outcome::done);
  CHECK(live->receipt().earlier.count == 0);
}
