#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace drawbridge;
using control::RefusalCode;
using core::Outcome;
using core::ServerAdmin;
using tests::Answer;
using tests::ControlRoom;
using namespace std::chrono_literals;

namespace {

// Two servers in blue; its sites wait for 10 s (forum) and for the default of 30 s (shop).
struct Bench {
  ControlRoom room;
  core::ServerId server = 0;

  Bench() {
    REQUIRE(room.start().has_value());
    server = room.view("shop").pool->servers[1].id;
  }

  std::shared_ptr<Answer> set(ServerAdmin admin, std::optional<base::Millis> drain = {},
                              const std::string& address = "127.0.0.1:9002") {
    auto answer = room.submit(
        {.what =
             core::ServerCommand{
                 .pool = "blue", .address = address, .admin = admin, .drain_timeout = drain, .reason = ""},
         .if_epoch = {},
         .actor = ControlRoom::alice});
    room.alarms.settle();
    return answer;
  }
};

}  // namespace

TEST_CASE("a server that is taken out is waited for until it has no request left") {
  for (const auto admin : {ServerAdmin::drain, ServerAdmin::disabled}) {
    Bench bench;
    bench.room.at_servers[bench.server] = 2;
    const auto answer = bench.set(admin);
    bench.room.alarms.advance(5s);
    CHECK_FALSE(answer->done.has_value());
    bench.room.at_servers[bench.server] = 0;
    bench.room.alarms.advance(1s);
    REQUIRE(answer->is_receipt());
    CHECK(answer->receipt().outcome == Outcome::done);
    CHECK_FALSE(answer->receipt().at_server.has_value());
    CHECK(answer->receipt().drained >= 5s);
    CHECK(answer->receipt().drained < 6s);
  }
}

TEST_CASE("what a server still has at the end of the wait is counted in the receipt") {
  Bench bench;
  bench.room.at_servers[bench.server] = 3;
  const auto answer = bench.set(ServerAdmin::drain, 2s);
  bench.room.alarms.advance(3s);
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::outstanding);
  CHECK(answer->receipt().at_server == 3);
  CHECK(answer->receipt().drained == 2s);
}

TEST_CASE("the most patient site of the pool says how long a server is waited for") {
  Bench bench;
  bench.room.at_servers[bench.server] = 1;
  const auto answer = bench.set(ServerAdmin::drain);
  bench.room.alarms.advance(29s);
  CHECK_FALSE(answer->done.has_value());
  bench.room.alarms.advance(2s);
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().outcome == Outcome::outstanding);
}

TEST_CASE("no site is draining because one of its servers is") {
  Bench bench;
  bench.room.at_servers[bench.server] = 1;
  const auto answer = bench.set(ServerAdmin::drain);
  CHECK_FALSE(bench.room.status_of("shop").draining.has_value());
  const auto readonly = bench.room.mode(core::Mode::readonly, {"shop"});
  bench.room.alarms.settle();
  CHECK(readonly->is_receipt());
  CHECK_FALSE(answer->done.has_value());
}

TEST_CASE("a server that takes part again is waited for no longer, and who waited is told") {
  Bench bench;
  bench.room.at_servers[bench.server] = 1;
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
  CHECK(bench.set(ServerAdmin::drain, 25h)->refusal().code == RefusalCode::bad_request);
}
