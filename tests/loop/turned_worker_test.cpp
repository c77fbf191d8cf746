// Who gets a place, who gives it up, and when, at workers whose turns and whose time are in our hands.
#include "tests/loop/turned_worker.h"

#include "proxy/serve/h2_connection.h"
#include "tests/h2/frames.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;
using serve::WaitingLine;
using tests::has_ended;
using tests::heard;
using tests::RawSocket;
using tests::small_request;
using tests::TurnedWorkers;

namespace {

// Two workers, and as many clients as there are places at the first, in the midst of a head.
struct FullHouse : TurnedWorkers {
  explicit FullHouse(std::size_t places = 1) : TurnedWorkers(2) {
    shared().census.set_limits(places, 0);
    for (std::size_t i = 0; i < places; ++i) {
      inside.push_back(connect());
      inside.back().send("GET / HT");
      settle();
    }
  }
  RawSocket arrive(std::size_t worker, std::string_view says = small_request) {
    auto client = connect(worker);
    client.send(says);
    settle();
    pass(20ms);  // who comes next comes later
    return client;
  }
  std::vector<RawSocket> inside;
};

bool is_answered(RawSocket& client) {
  return heard(client).starts_with("HTTP/1.1 404 ");
}

std::vector<h2::Frame> frames_of(RawSocket& client) {
  auto bytes = heard(client);
  return h2::take_frames(bytes);
}

std::size_t count(const std::vector<h2::Frame>& frames, unsigned type) {
  return static_cast<std::size_t>(std::ranges::count(frames, type, &h2::Frame::type));
}

// A connection of HTTP/2 that has been greeted, and has no stream.
struct Greeted : TurnedWorkers {
  Greeted() {
    client.send(h2::magic + h2::settings() + h2::settings_ack());
    settle();
    heard(client);
  }
  void ask(std::uint32_t stream) {
    client.send(h2::get(stream));
    settle();
    CHECK(count(frames_of(client), h2::type_headers) == 1);
  }
  RawSocket client = connect();
};

}  // namespace

TEST_CASE("who waits at one worker is let in before who came later to another, and then that one") {
  FullHouse house;
  auto first = house.arrive(0);
  auto second = house.arrive(1);
  house.inside.clear();
  house.settle();
  CHECK(is_answered(first));
  CHECK_FALSE(is_answered(second));
  first.close();
  house.settle();
  CHECK(is_answered(second));
}

TEST_CASE("places that come free together are taken together, without a wait") {
  FullHouse house(2);
  auto first = house.arrive(1);
  auto second = house.arrive(0);
  house.inside.clear();
  house.settle();
  CHECK(is_answered(first));
  CHECK(is_answered(second));
}

TEST_CASE("a newcomer does not take the place of who waits, though it is seen first") {
  FullHouse house;
  auto first = house.arrive(1);
  house.inside.clear();
  while (house.turn(0)) {
  }
  auto newcomer = house.connect(0);
  newcomer.send(small_request);
  while (house.turn(0)) {
  }
  CHECK(house.accepted(0) == 1);
  house.settle();
  CHECK(is_answered(first));
}

TEST_CASE("a client for whom there is no place has other workers end what is idle") {
  int wanted = 0;
  FullHouse house;
  house.shared().places_wanted = [&] { ++wanted; };
  house.arrive(1);
  CHECK(wanted > 0);
}

TEST_CASE("as many idle connections give way as clients wait") {
  TurnedWorkers house;
  house.shared().census.set_limits(3, 0);
  std::vector<RawSocket> idle, newcomers;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(house.connect());
    idle.back().send(small_request);
    house.settle();
    CHECK(is_answered(idle.back()));
  }
  for (int i = 0; i < 3; ++i) {
    newcomers.push_back(house.connect());
    newcomers.back().send(small_request);
  }
  house.pass(20ms);  // since the last look for idle ones
  for (auto& newcomer : newcomers) CHECK(is_answered(newcomer));
  for (auto& gone : idle) CHECK(has_ended(gone));
}

TEST_CASE("who has waited in silence gives way at once, who has spoken has its moment") {
  for (const bool speaks : {false, true}) {
    CAPTURE(speaks);
    FullHouse house;
    auto first = house.arrive(0, speaks ? h2::magic + h2::settings() : std::string());
    auto second = house.arrive(0);
    house.pass(WaitingLine::standstill_max - 500ms);
    house.inside.clear();
    for (const auto time : {20ms, 20ms, 150ms}) house.pass(time);
    CHECK(has_ended(first) != speaks);
    CHECK(is_answered(second) != speaks);
    house.pass(1'000ms);
    CHECK(is_answered(second) == speaks);
  }
}

TEST_CASE("a new connection's request is answered in the turn that accepts it, however many came before") {
  TurnedWorkers house(1, {});
  for (int i = 0; i < 100; ++i) {
    auto client = house.connect();
    client.send(small_request);
    house.turn(0);
    REQUIRE(is_answered(client));
  }
}

TEST_CASE("an unfinished head is ended with the last requests of before; who is idle or served is not") {
  TurnedWorkers house;
  auto idle = house.connect(), unfinished = house.connect();
  idle.send(small_request);
  unfinished.send("GET / HT");
  house.settle();
  CHECK(is_answered(idle));
  house.worker().end_old(base::SteadyTime::max());
  house.settle();
  CHECK(has_ended(unfinished));
  idle.send(small_request);
  house.settle();
  CHECK(is_answered(idle));
}

TEST_CASE("a connection of HTTP/2 with a request that nobody has looked at does not give way") {
  for (const bool rests : {false, true}) {
    CAPTURE(rests);
    Greeted house;
    house.ask(1);
    if (rests) house.pass(serve::H2Connection::rest_after);
    house.client.send(h2::get(3));
    CHECK_FALSE(house.worker().make_room());
    house.settle();
    const auto frames = frames_of(house.client);
    CHECK(count(frames, h2::type_headers) == 1);
    CHECK(count(frames, h2::type_goaway) == 0);
  }
}

TEST_CASE("the idle time of a connection of HTTP/2 begins when its last stream has ended") {
  Greeted house;
  const auto idle = core::ClientBounds{}.idle_timeout;
  house.pass(idle - 1s);
  house.ask(1);
  house.pass(idle - 1s);
  CHECK(count(frames_of(house.client), h2::type_goaway) == 0);
  for (const auto time : {2s, 1s}) house.pass(time);
  CHECK(count(frames_of(house.client), h2::type_goaway) == 1);
}

TEST_CASE("a server that answers nobody is named in the log at most every ten seconds") {
  TurnedWorkers house;
  const auto strays = [&](std::chrono::seconds later) {
    house.pass(later);
    house.worker().servers().strayed(0);
    return house.events("upstream_strayed");
  };
  CHECK(strays(0s) == 1);
  CHECK(strays(9s) == 1);
  CHECK(strays(2s) == 2);
}

TEST_CASE("at the end of the grace time a balancer has no more time to say whom it speaks for") {
  serve::Door door;
  door.proxies.add(*http::parse_net("127.0.0.1/32"));
  TurnedWorkers house(1, door);
  auto half = house.connect();
  half.send("PROXY");
  house.settle();
  REQUIRE_FALSE(has_ended(half));
  house.worker().end_all();
  house.settle();
  CHECK(has_ended(half));
}
