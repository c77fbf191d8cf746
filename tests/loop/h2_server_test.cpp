// Connections of HTTP/2 to a server of raw frames, with time in our hands.
#include "tests/loop/h2_town.h"

#include <doctest/doctest.h>

using namespace drawbridge;
using namespace std::chrono_literals;
using tests::Town;

TEST_CASE("a server that is silent while an answer is awaited is asked after 30 s, and left 10 s later") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  town.pass(29s);
  CHECK(link.heard(h2::type_ping) == 0);
  town.pass(2s);
  CHECK(link.heard(h2::type_ping) == 1);
  town.pass(9s);
  CHECK_FALSE(rider.guest.closed);
  CHECK_FALSE(link.ended());
  town.pass(2s);
  CHECK(rider.guest.closed);
  rider.leave();
  town.settle();
  CHECK(link.ended());
}

TEST_CASE("a server that answers the question stays, and is not asked again within five minutes of silence") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  town.pass(31s);
  const auto frames = link.heard();
  REQUIRE(frames.size() == 1);
  link.say(h2::ping(frames[0].payload, h2::ack));
  for (int seconds = 0; seconds < 299; ++seconds) town.pass(1s);
  CHECK(link.heard(h2::type_ping) == 0);
  CHECK_FALSE(rider.guest.closed);
  for (int seconds = 0; seconds < 4; ++seconds) town.pass(1s);
  CHECK(link.heard(h2::type_ping) == 1);
}

TEST_CASE("a server that says anything else in time is not asked") {
  Town town;
  town.ride();
  auto& link = town.accept();
  for (int times = 0; times < 4; ++times) {
    town.pass(29s);
    link.say(h2::window_update(0, 1));
    town.settle();
    CAPTURE(times);
    CHECK(link.heard(h2::type_ping) == 0);
  }
}

TEST_CASE("a server that has said something since it was asked is asked at its next silence") {
  Town town;
  town.ride();
  auto& link = town.accept();
  town.pass(31s);
  const auto frames = link.heard();
  REQUIRE(frames.size() == 1);
  for (const auto& said : {h2::ping(frames[0].payload, h2::ack), h2::window_update(0, 1)}) {
    link.say(said);
    town.settle();
  }
  town.pass(29s);
  CHECK(link.heard(h2::type_ping) == 0);
  town.pass(2s);
  CHECK(link.heard(h2::type_ping) == 1);
}

TEST_CASE("while a server has nothing to answer its silence is none") {
  Town town;
  town.pool.timing.idle = 100s;
  town.ride().leave();
  auto& link = town.accept();
  town.pass(60s);
  town.ride();
  town.pass(29s);
  CHECK(link.heard(h2::type_ping) == 0);
  town.pass(2s);
  CHECK(link.heard(h2::type_ping) == 1);
}

TEST_CASE("nobody boards where another has waited in vain, until the server is heard") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  rider.lease.carrier()->doubt(town.now);
  CHECK(town.ride().lease.carrier() != rider.lease.carrier());
  link.say(h2::window_update(0, 1));
  town.settle();
  CHECK(town.ride().lease.carrier() == rider.lease.carrier());
}

TEST_CASE("nobody boards a connection to an address that is down") {
  Town town;
  tests::RawServer elsewhere;
  town.set_addresses({town.server.address(), elsewhere.address()});
  auto& rider = town.ride();
  town.board.set_probed(0, rider.lease.slot(), upstream::HealthState::down, "", 3);
  auto& next = town.ride();
  CHECK(next.lease.carrier() != rider.lease.carrier());
  CHECK(next.lease.slot() != rider.lease.slot());
}

TEST_CASE("of connections that others need the descriptors of only those end that carry nothing") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  town.servers.shed_idle();
  auto& beside = town.ride();
  CHECK(beside.lease.carrier() == rider.lease.carrier());
  beside.leave();
  rider.leave();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 0);
  town.servers.shed_idle();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 1);
}

TEST_CASE("a connection to an address that is not in use any more carries what it has, nothing new, and ends") {
  Town town;
  auto& old = town.ride();
  auto& link = town.accept();
  tests::RawServer elsewhere;
  town.set_addresses({elsewhere.address()});
  town.settle();
  auto& fresh = town.ride();
  CHECK(fresh.lease.carrier() != old.lease.carrier());
  CHECK_FALSE(old.guest.closed);
  CHECK(link.heard(h2::type_goaway) == 0);
  old.leave();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 1);
}

TEST_CASE("an unused connection to an address that is not in use any more ends at once") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  rider.leave();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 0);
  town.set_addresses({});
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 1);
}

TEST_CASE("a connection that was being made while the addresses changed carries who made it, and nobody else") {
  Town town;
  net::Signal cue(town.loop);
  auto& first = town.ride_at(cue);
  cue.tell();
  town.loop.turn_at(town.now);
  REQUIRE(town.dials() == 1);
  REQUIRE_FALSE(first.lease.carrier());
  tests::RawServer elsewhere;
  town.set_addresses({elsewhere.address()});
  town.settle();
  REQUIRE(first.lease.carrier());
  auto& link = town.accept();
  auto& second = town.ride();
  CHECK(town.dials() == 2);
  CHECK(second.lease.carrier() != first.lease.carrier());
  first.leave();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 1);
}
