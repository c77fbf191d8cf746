#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace drawbridge;
using control::RefusalCode;
using core::Outcome;
using core::RequestClass;
using core::ServerAdmin;
using tests::Answer;
using namespace std::chrono_literals;

namespace {

// Two servers in blue; its sites wait for 10 s (forum) and for the default of 30 s (shop).
struct Bench {
  tests::StartedRoom room;
  core::ServerId server = room.view("shop").pool->servers[1].id;

  std::string enter(RequestClass request_class, const std::string& site = "shop") {
    return room.workers->enter(site, {.request_class = request_class, .server = server});
  }

  std::shared_ptr<Answer> set(ServerAdmin admin, std::optional<base::Millis> drain = {},
                              const std::string& address = "127.0.0.1:9002", bool cut = false) {
    return room.settled(room.submit(core::ServerCommand{
        .pool = "blue", .address = address, .admin = admin, .drain_timeout = drain, .cut = cut, .reason = ""}));
  }
};

}  // namespace

TEST_CASE("a server that is taken out is waited for until it has no request left") {
  for (const auto admin : {ServerAdmin::drain, ServerAdmin::disabled}) {
    Bench bench;
    const auto read = bench.enter(RequestClass::read);
    const auto write = bench.enter(RequestClass::write, "forum");
    bench.room.workers->enter("shop", {.request_class = RequestClass::write, .server = bench.server + 1});
    const auto answer = bench.set(admin);
    bench.room.workers->leave(read);
    bench.room.alarms.advance(5s);
    CHECK_FALSE(answer->done.has_value());
    bench.room.workers->leave(write);
    bench.room.alarms.advance(1s);
    REQUIRE(answer->is_receipt());
    CHECK(answer->receipt().outcome == Outcome::done);
    CHECK_FALSE(answer->receipt().at_server.has_value());
    CHECK(answer->receipt().drained >= 5s);
    CHECK(answer->receipt().drained < 6s);
  }
}

TEST_CASE("what a server still has at the end of the wait is counted and listed, and cut if that was asked for") {
  for (const bool cut : {false, true}) {
    CAPTURE(cut);
    Bench bench;
    const auto open = bench.enter(RequestClass::write);
    bench.enter(RequestClass::read, "forum");
    const auto tunnel = bench.enter(RequestClass::tunnel);
    const auto elsewhere = bench.room.workers->enter("shop", {.server = bench.server + 1});
    const auto answer = bench.set(ServerAdmin::drain, 2s, "127.0.0.1:9002", cut);
    CHECK(bench.room.workers->last_tunnel_spread > 0s);
    bench.room.alarms.advance(4s);
    REQUIRE(answer->is_receipt());
    const auto& receipt = answer->receipt();
    CHECK(receipt.outcome == (cut ? Outcome::cut : Outcome::outstanding));
    CHECK(receipt.at_server == (cut ? std::nullopt : std::optional<std::uint64_t>(2)));
    CHECK(receipt.outstanding.size() == (cut ? 0 : 2));
    CHECK(receipt.cut.size() == (cut ? 3 : 1));
    CHECK(bench.room.workers->is_open(open) == !cut);
    CHECK_FALSE(bench.room.workers->is_open(tunnel));
    CHECK(bench.room.workers->is_open(elsewhere));
    CHECK(receipt.drained == 2s);
  }
}

TEST_CASE("so many servers may be drained at the same time as can be told apart") {
  Bench bench;
  bench.enter(RequestClass::write);
  std::shared_ptr<Answer> answer;
  for (std::ptrdiff_t count = 0; count <= control::Changes::marking_max; ++count) {
    answer = bench.set(ServerAdmin::drain);
    CHECK(answer->done.has_value() == (count == control::Changes::marking_max));
  }
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::refused);
  CHECK(bench.set(ServerAdmin::ready)->is_receipt());
}

TEST_CASE("the most patient site of the pool says how long a server is waited for") {
  Bench bench;
  bench.enter(RequestClass::read);
  const auto answer = bench.set(ServerAdmin::drain);
  bench.room.alarms.advance(29s);
  CHECK_FALSE(answer->done.has_value());
  bench.room.alarms.advance(2s);
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::outstanding);
}

TEST_CASE("no site is draining because one of its servers is") {
  Bench bench;
  bench.enter(RequestClass::read);
  const auto answer = bench.set(ServerAdmin::drain);
  CHECK_FALSE(bench.room.status_of("shop").draining.has_value());
  const auto readonly = bench.room.mode(core::Mode::readonly, {"shop"});
  bench.room.alarms.settle();
  CHECK(readonly->is_receipt());
  CHECK_FALSE(answer->done.has_value());
}

TEST_CASE("a server that takes part again is waited for no longer, and who waited is told") {
  Bench bench;
  bench.enter(RequestClass::read);
  const auto answer = bench.set(ServerAdmin::drain);
  const auto ready = bench.set(ServerAdmin::ready);
  REQUIRE(ready->is_receipt());
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::superseded);
  CHECK(answer->receipt().note.find("server ready") != std::string::npos);
}

TEST_CASE("only the last server of a pool is taken out with a warning") {
  Bench bench;
  CHECK(bench.set(ServerAdmin::drain, {}, "127.0.0.1:9001")->receipt().warning.empty());
  CHECK(bench.set(ServerAdmin::disabled)->receipt().warning.find("no server of blue") == 0);
  CHECK(bench.set(ServerAdmin::ready)->receipt().warning.empty());
}

TEST_CASE("a wait for a server that is ready, or without a bound, is refused") {
  Bench bench;
  CHECK(bench.set(ServerAdmin::ready, 1s)->refusal().code == RefusalCode::bad_request);
  CHECK(bench.set(ServerAdmin::ready, {}, "127.0.0.1:9002", true)->refusal().code == RefusalCode::bad_request);
  CHECK(bench.set(ServerAdmin::drain, 25h)->refusal().code == RefusalCode::bad_request);
}
