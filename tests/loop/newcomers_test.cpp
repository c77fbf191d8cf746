// Clients for whom no place comes free, by the first that they say, whatever the door was made for.
#include "tests/h2/frames.h"
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

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

}  // namespace

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
