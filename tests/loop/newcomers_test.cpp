// Clients who come all at once; and those for whom no place comes free, by the first that they say, whatever the
// door was made for.
#include "tests/h2/frames.h"
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <future>
#include <string>
#include <vector>

using namespace drawbridge;
using tests::ok;
using tests::RawSocket;
using tests::Visitor;
using tests::WorkerBench;

namespace {

// The only place is taken by a request that is under way.
struct FullHouse {
  FullHouse() {
    bench.census().set_limits(1, 0);
    bench.start();
    first = bench.visitor();
    first->get();
    server = bench.take_request();
  }
  ~FullHouse() {
    CHECK(bench.census().turned_away_total() == 1);
    server->send(ok);
    CHECK(first->answer().body == "ok");
  }
  WorkerBench bench;
  std::unique_ptr<Visitor> first;
  std::optional<RawSocket> server;
};

// Looks, between any two things that a worker does, how many connections to servers there are.
struct Lookout {
  static constexpr std::uint64_t enough = 200;

  void look() {
    const auto open = bench.upstream_connections().open();
    const auto turn = worker->loop().turns();
    if (open > 0 && first_turn == 0) first_turn = turn;
    if (turn == first_turn) in_first_turn = open;
    if (open == enough) return over.set_value();
    worker->post([this] { look(); });
  }

  WorkerBench& bench;
  serve::Worker* worker = nullptr;
  std::uint64_t first_turn = 0, in_first_turn = 0;
  std::promise<void> over;
};

}  // namespace

TEST_CASE("of many clients who come at once most are served after servers have been heard") {
  WorkerBench bench;
  bench.door().h2c = false;  // else the first words are waited for
  bench.start();
  Lookout lookout{.bench = bench};
  std::promise<void> is_busy, all_here;
  auto busy = std::async(std::launch::async, [&] {
    return bench.ask<bool>([&](serve::Worker& worker) {
      is_busy.set_value();
      all_here.get_future().wait();
      lookout.worker = &worker;
      lookout.look();
      return true;
    });
  });
  is_busy.get_future().wait();
  std::vector<RawSocket> clients;
  for (std::size_t i = 0; i < Lookout::enough; ++i) {
    clients.push_back(bench.newcomer());
    clients.back().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  all_here.set_value();
  CHECK(busy.get());
  REQUIRE(lookout.over.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(lookout.in_first_turn > 0);
  CHECK(lookout.in_first_turn <= 64);
}

TEST_CASE("a client for whom no place comes free is told so and when to come back") {
  FullHouse house;
  auto second = house.bench.newcomer();
  second.send("POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  const auto head = second.read_until("\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 503 "));
  CHECK(head.find("Retry-After: ") != std::string::npos);
  CHECK(head.find("Drawbridge-Not-Processed: 1\r\n") != std::string::npos);
  CHECK(head.find("Connection: close\r\n") != std::string::npos);
  second.read_to_end();
  CHECK(second.end() == RawSocket::End::fin);
}

TEST_CASE("one that begins with HTTP/2 hears GOAWAY, so that it may send all of it again") {
  FullHouse house;
  auto second = house.bench.newcomer();
  second.send(h2::magic + h2::settings() + h2::get(1));
  auto said = second.read_to_end();
  const auto frames = h2::take_frames(said);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == h2::type_settings);
  CHECK(frames[1].type == h2::type_goaway);
  CHECK(frames[1].payload == std::string(8, '\0'));  // no stream, NO_ERROR
  CHECK(second.end() == RawSocket::End::fin);
}

TEST_CASE("one that begins a handshake hears no word of plain text") {
  FullHouse house;
  auto second = house.bench.newcomer();
  second.secure("h2");
  CHECK_THROWS_WITH(second.come_in(), "the connection ended in its handshake");
  CHECK(second.end() != RawSocket::End::reset);
}
