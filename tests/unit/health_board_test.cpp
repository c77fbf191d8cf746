#include "proxy/upstream/health_board.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace drawbridge;
using base::Millis;
using base::Reason;
using upstream::HealthBoard;
using upstream::HealthState;

namespace {

constexpr core::ServerId server = 7;
const base::SteadyTime start{std::chrono::hours(1)};
const base::WallTime noon{std::chrono::hours(12)};

std::vector<net::Endpoint> addresses(std::initializer_list<const char*> texts) {
  std::vector<net::Endpoint> list;
  for (const auto* text : texts) list.push_back(net::parse_endpoint(text).value());
  return list;
}

void fail(HealthBoard& board, std::size_t slot, int times, base::SteadyTime now = start) {
  for (int i = 0; i < times; ++i) board.report_failure(server, slot, Reason::refused, now);
}

// A board with one server of two addresses, 3 failures in a row take one out, for 1 to 10 seconds.
struct TestBoard {
  TestBoard() {
    board.watch(server, {.fall = 3, .pause = Millis(10'000)}, noon);
    board.set_addresses(server, addresses({"127.0.0.1:1", "127.0.0.2:1"}), noon);
  }
  upstream::EndpointMask usable(Millis later = Millis(0)) const { return board.usable(server, start + later); }

  HealthBoard board;
};

}  // namespace

TEST_CASE("a server nobody watches or without an address is not eligible") {
  HealthBoard board;
  CHECK_FALSE(board.eligible(server, start));
  CHECK_FALSE(board.eligible(0xffff, start));
  board.watch(server, {}, noon);
  CHECK_FALSE(board.eligible(server, start));
  board.set_addresses(server, addresses({"127.0.0.1:1"}), noon);
  CHECK(board.eligible(server, start));
  board.forget(server);
  CHECK_FALSE(board.eligible(server, start));
}

TEST_CASE("an address that was never asked counts as up") {
  TestBoard test;
  CHECK(test.usable() == 0b11);
  CHECK(test.board.health(server).endpoints[0].state == HealthState::unknown);
}

TEST_CASE("failures in a row take one address out and leave the other") {
  TestBoard test;
  fail(test.board, 0, 2);
  CHECK(test.usable() == 0b11);
  fail(test.board, 0, 1);
  CHECK(test.usable() == 0b10);
}

TEST_CASE("a success between failures starts the count again") {
  TestBoard test;
  fail(test.board, 0, 2);
  test.board.report_success(server, 0);
  fail(test.board, 0, 2);
  CHECK(test.usable() == 0b11);
}

TEST_CASE("an address that is out is tried again after 1, 2, 4, 8 and then always 10 seconds") {
  TestBoard test;
  auto now = start;
  fail(test.board, 0, 2, now);
  for (const auto pause :
       {Millis(1'000), Millis(2'000), Millis(4'000), Millis(8'000), Millis(10'000), Millis(10'000)}) {
    CAPTURE(pause.count());
    fail(test.board, 0, 1, now);
    CHECK(test.board.usable(server, now + pause - Millis(1)) == 0b10);
    CHECK(test.board.usable(server, now + pause) == 0b11);
    now += pause;
  }
}

TEST_CASE("requests that fail during a pause do not lengthen it") {
  TestBoard test;
  fail(test.board, 0, 50);
  CHECK(test.usable(Millis(999)) == 0b10);
  CHECK(test.usable(Millis(1'000)) == 0b11);
}

TEST_CASE("a success ends the pause and makes the next one short again") {
  TestBoard test;
  fail(test.board, 0, 3);
  fail(test.board, 0, 1, start + Millis(1'000));
  test.board.report_success(server, 0);
  CHECK(test.usable(Millis(1'001)) == 0b11);
  fail(test.board, 0, 3, start + Millis(1'001));
  CHECK(test.usable(Millis(2'001)) == 0b11);
}

TEST_CASE("with a fall of zero no request takes a server out") {
  TestBoard test;
  test.board.watch(server, {.fall = 0, .pause = Millis(10'000)}, noon);
  fail(test.board, 0, 100);
  CHECK(test.usable() == 0b11);
}

TEST_CASE("a probe takes an address out and brings it back, whatever requests say") {
  TestBoard test;
  test.board.set_probed(server, 1, HealthState::down, "status 500", 3);
  CHECK(test.usable() == 0b01);
  test.board.report_success(server, 1);
  CHECK(test.usable() == 0b01);
  test.board.set_probed(server, 1, HealthState::up, "status 200", 0);
  CHECK(test.usable() == 0b11);
}

TEST_CASE("a good probe ends a pause, one that has only not fallen yet does not") {
  TestBoard test;
  fail(test.board, 0, 3);
  test.board.set_probed(server, 0, HealthState::up, "timed out", 1);
  CHECK(test.usable() == 0b10);
  test.board.set_probed(server, 0, HealthState::up, "status 200", 0);
  CHECK(test.usable() == 0b11);
}

TEST_CASE("an address keeps its slot and its health while the name resolves to it") {
  TestBoard test;
  test.board.set_probed(server, 1, HealthState::down, "status 500", 3);
  auto slots = test.board.set_addresses(server, addresses({"127.0.0.3:1", "127.0.0.2:1"}), noon);
  REQUIRE(slots.size() == 2);
  CHECK(slots[0].text() == "127.0.0.3:1");
  CHECK(slots[1].text() == "127.0.0.2:1");
  CHECK(test.usable() == 0b01);
  slots = test.board.set_addresses(server, addresses({"127.0.0.2:1"}), noon);
  REQUIRE(slots.size() == 2);
  CHECK(slots[0].empty());
  CHECK(test.usable() == 0);
}

TEST_CASE("a new address in the slot of one that was out starts afresh") {
  TestBoard test;
  fail(test.board, 0, 3);
  test.board.set_probed(server, 0, HealthState::down, "status 500", 3);
  test.board.set_addresses(server, addresses({"127.0.0.9:1", "127.0.0.2:1"}), noon);
  CHECK(test.usable() == 0b11);
  test.board.sweep(noon);
  CHECK(test.board.health(server).endpoints[0].state == HealthState::unknown);
  fail(test.board, 0, 2);
  CHECK(test.usable() == 0b11);
}

TEST_CASE("no more addresses are used than there are slots") {
  TestBoard test;
  std::vector<net::Endpoint> many;
  for (int i = 0; i < 40; ++i) many.push_back(net::parse_endpoint("127.0.1." + std::to_string(i) + ":1").value());
  CHECK(test.board.set_addresses(server, many, noon).size() == base::limits::endpoints_per_server_max);
}

TEST_CASE("a sweep names each change once, with its reason") {
  TestBoard test;
  test.board.set_probed(server, 0, HealthState::up, "status 200", 0);
  test.board.set_probed(server, 1, HealthState::up, "status 200", 0);
  CHECK(test.board.sweep(noon).size() == 2);
  CHECK(test.board.sweep(noon).empty());

  fail(test.board, 0, 3);
  auto changes = test.board.sweep(noon + Millis(5));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].endpoint.text() == "127.0.0.1:1");
  CHECK(changes[0].state == HealthState::down);
  CHECK_FALSE(changes[0].server_changed);
  CHECK(changes[0].reason == "3 requests failed, last: refused");

  test.board.set_probed(server, 1, HealthState::down, "status 500", 3);
  changes = test.board.sweep(noon + Millis(9));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].server_changed);
  const auto health = test.board.health(server);
  CHECK(health.state == HealthState::down);
  CHECK(health.since == noon + Millis(9));
  CHECK(health.endpoints[0].since == noon + Millis(5));
  CHECK(health.reason == "status 500");
}

TEST_CASE("an address on trial after its pause is still told as down until a request succeeds") {
  TestBoard test;
  fail(test.board, 0, 3);
  REQUIRE(test.board.sweep(noon).size() == 1);
  CHECK(test.usable(Millis(1'000)) == 0b11);
  CHECK(test.board.sweep(noon).empty());
  test.board.report_success(server, 0);
  const auto changes = test.board.sweep(noon);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].state == HealthState::unknown);
}

TEST_CASE(
    "a name that does not resolve makes its server down and says why; before the first answer it is unknown") {
  HealthBoard board;
  board.watch(server, {}, noon);
  CHECK(board.sweep(noon).empty());
  board.set_lookup_failure(server, "name not resolved: Host not found");
  const auto changes = board.sweep(noon);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].server_changed);
  CHECK(board.health(server).state == HealthState::down);
  CHECK(board.health(server).reason == "name not resolved: Host not found");
  board.set_addresses(server, addresses({"127.0.0.1:1"}), noon);
  CHECK(board.sweep(noon).size() == 1);
  CHECK(board.health(server).reason.empty());
}

TEST_CASE("requests that came to nothing are counted until one is answered, and no probe ends that") {
  TestBoard test;
  const auto now = base::SteadyClock::now();
  CHECK(test.board.health(server).broken.count == 0);
  for (int i = 0; i < 2; ++i) test.board.report_broken(server, 0, Reason::closed, now - Millis(700));
  test.board.report_broken(server, 0, Reason::malformed, now - Millis(500));
  test.board.report_broken(server, 1, Reason::reset, now);
  test.board.set_probed(server, 0, HealthState::up, "connected", 0);
  test.board.sweep(noon);
  const auto health = test.board.health(server);
  CHECK(health.state == HealthState::up);
  CHECK(health.broken.count == 3);
  CHECK(health.broken.last == Reason::malformed);
  CHECK(health.broken.last_ago >= Millis(500));
  CHECK(health.endpoints[1].broken.count == 1);
  CHECK(test.usable() == 0b11);
  test.board.report_success(server, 0);
  CHECK(test.board.health(server).broken.count == 1);
  test.board.set_addresses(server, addresses({"127.0.0.1:1", "127.0.0.3:1"}), noon);
  CHECK(test.board.health(server).broken.count == 0);
}

TEST_CASE("answers to nobody are counted for an hour since the last, and with the server they are forgotten") {
  TestBoard test;
  const auto now = base::SteadyClock::now();
  const auto count = [&] { return test.board.health(server).strays.count; };
  test.board.report_stray(server, now - HealthBoard::strays_kept);
  CHECK(count() == 0);
  for (int i = 0; i < 2; ++i) test.board.report_stray(server, now);
  CHECK(count() == 2);
  CHECK(test.board.has_strayed(server, now));
  test.board.forget(server);
  test.board.watch(server, {}, noon);
  CHECK(count() == 0);
  CHECK_FALSE(test.board.has_strayed(server, now));
}

TEST_CASE("workers report while the control thread sweeps and moves addresses") {
  TestBoard test;
  std::atomic<bool> stop{false};
  std::vector<std::jthread> workers;
  for (int worker = 0; worker < 3; ++worker) {
    workers.emplace_back([&] {
      for (int i = 0; !stop.load(); ++i) {
        const auto now = start + Millis(i);
        const auto mask = test.board.usable(server, now);
        if (mask != 0) test.board.report_failure(server, 0, Reason::reset, now);
        if (i % 5 == 0) test.board.report_success(server, 0);
      }
    });
  }
  for (int i = 0; i < 2'000; ++i) {
    test.board.set_addresses(server, addresses({i % 2 == 0 ? "127.0.0.1:1" : "127.0.0.5:1"}), noon);
    test.board.set_probed(server, 0, i % 3 == 0 ? HealthState::down : HealthState::up, "status", 0);
    test.board.sweep(noon);
  }
  stop.store(true);
  workers.clear();
  test.board.set_probed(server, 0, HealthState::up, "status 200", 0);
  test.board.report_success(server, 0);
  CHECK(test.board.eligible(server, start + std::chrono::hours(1)));
}
