// Requests beyond what a server of HTTP/2 takes at a time.
#include "proxy/net/tls_client.h"
#include "tests/loop/h2_town.h"

#include <doctest/doctest.h>

using namespace drawbridge;
using namespace std::chrono_literals;
using tests::answer;
using tests::Rider;
using tests::Town;

namespace {

std::string takes(std::uint32_t streams) {
  return h2::settings({{Town::max_concurrent_streams, streams}});
}

std::vector<Rider*> ride(Town& town, int count) {
  std::vector<Rider*> riders;
  for (int i = 0; i < count; ++i) riders.push_back(&town.ride());
  return riders;
}

}  // namespace

TEST_CASE("who waits longest for room at a server gets the next place, the moment there is one") {
  Town town;
  town.fill();
  const auto waiting = ride(town, 5);
  for (std::size_t next = 0; next < waiting.size(); ++next) {
    CAPTURE(next);
    for (const auto* rider : waiting) CHECK(rider->seated() == (rider < waiting[next]));
    if (next % 2 == 0) {
      town.links[next].say(answer(1));
    } else {
      town.riders[next].leave();
    }
    town.settle();
    CHECK(waiting[next]->seated());
  }
}

TEST_CASE("who comes the moment that there is room stands behind those who wait") {
  Town town;
  town.fill();
  auto& first = town.ride();
  net::Signal cue(town.loop);
  auto& second = town.ride_at(cue);
  town.riders[7].guest.when_closed = [&] { cue.tell(); };
  town.links[7].say(answer(1));
  town.settle();
  CHECK(town.riders[7].guest.closed);
  CHECK(first.seated());
  CHECK_FALSE(second.seated());
}

TEST_CASE("a server that takes more, and one whose connection ends, make room for those who wait") {
  Town town;
  town.fill();
  const auto waiting = ride(town, 4);
  town.links[3].say(takes(3));
  town.settle();
  CHECK(waiting[0]->seated());
  CHECK(waiting[1]->seated());
  CHECK_FALSE(waiting[2]->seated());
  town.riders[5].leave();
  town.settle();
  CHECK(waiting[2]->seated());
  CHECK_FALSE(waiting[3]->seated());
  town.links[6].close();
  town.settle();
  town.riders[6].leave();
  town.settle();
  town.accept();
  CHECK(waiting[3]->seated());
}

TEST_CASE("who leaves the queue, in vain or because its client has gone, leaves the others their places") {
  Town town;
  town.fill();
  auto& gone = town.ride();
  auto& next = town.ride();
  gone.tried.give_up();
  town.settle();
  REQUIRE(gone.failure.has_value());
  town.links[0].say(answer(1));
  town.settle();
  CHECK(next.seated());
  auto& late = town.ride();
  town.pass(town.pool.timing.connect + 1s);
  REQUIRE(late.failure.has_value());
  CHECK(late.failure->reason == base::Reason::no_server);
  auto& last = town.ride();
  town.links[1].say(answer(1));
  town.settle();
  CHECK(last.seated());
}

TEST_CASE("who waits by the rules for TLS of before a reload holds nobody up who waits by the new ones") {
  Town town;
  auto other = town.pool;
  other.tls = net::TlsClient::make({.verify = false}).value();
  town.fill();
  auto& older = town.ride_by(other);
  auto& first = town.ride();
  auto& second = town.ride();
  town.links[0].say(answer(1));
  town.settle();
  CHECK(first.seated());
  town.links[1].say(answer(1));
  town.settle();
  CHECK(second.seated());
  CHECK_FALSE(older.seated());
  town.links[2].say(answer(1));
  town.settle();
  CHECK(town.ride().seated());
  town.links[3].close();  // room for a connection of its own
  town.riders[3].leave();
  const auto dials = town.dials();
  town.settle();
  CHECK(town.dials() == dials + 1);
}

TEST_CASE("who has been told of room and gives up at the same time passes it on") {
  Town town;
  town.fill();
  auto& gone = town.ride();
  auto& next = town.ride();
  town.riders[4].guest.when_closed = [&] { gone.tried.give_up(); };
  town.links[4].say(answer(1));
  town.settle();
  CHECK_FALSE(gone.seated());
  CHECK(next.seated());
}

TEST_CASE("a place is kept for a request that has not yet begun to send, and is free when it never does") {
  Town town;
  town.ride();
  town.accept(takes(2));
  auto& slow = town.ride(Town::Opens::later);
  CHECK(slow.lease.carrier() == town.riders[0].lease.carrier());
  auto& other = town.ride();
  town.accept(takes(2));
  CHECK(other.lease.carrier() != slow.lease.carrier());
  CHECK(slow.open());
  auto& never = town.ride(Town::Opens::later);
  auto& full = town.ride();
  CHECK(never.lease.carrier() == other.lease.carrier());
  CHECK(full.lease.carrier() != other.lease.carrier());
  never.leave();
  CHECK(town.ride().lease.carrier() == other.lease.carrier());
}

TEST_CASE("a server that takes nobody is waited for, as long as may be, and not asked for more connections") {
  Town town;
  town.ride();
  auto& link = town.accept(takes(0));
  town.riders[0].leave();
  const auto waiting = ride(town, 2);
  town.pass(1s);
  for (const auto* rider : waiting) CHECK_FALSE(rider->seated());
  link.say(takes(2));
  town.settle();
  for (const auto* rider : waiting) CHECK(rider->seated());
  link.say(takes(0));
  town.settle();
  auto& late = town.ride();
  town.pass(town.pool.timing.connect + 1s);
  REQUIRE(late.failure.has_value());
  CHECK(late.failure->reason == base::Reason::no_server);
  CHECK(town.server.nobody_came());
}

TEST_CASE("a connection that is waited for stays, though nothing has used it for long") {
  Town town;
  town.pool.timing = {.connect = 20s, .idle = 2s};
  auto& first = town.ride();
  auto& link = town.accept(takes(0));
  first.leave();
  auto& waiting = town.ride();
  for (int seconds = 0; seconds < 10; ++seconds) town.pass(1s);
  CHECK(town.dials() == 1);
  link.say(takes(1));
  town.settle();
  CHECK(waiting.seated());
}

TEST_CASE("a server that takes nobody on a connection which is to end is asked for another") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept(takes(0));
  auto& waiting = town.ride();
  CHECK_FALSE(waiting.seated());
  tests::RawServer elsewhere;
  auto* next = &town.server;
  SUBCASE("it says goodbye") {
    link.say(h2::goaway(1, 0));
  }
  SUBCASE("it breaks off") {
    link.close();
  }
  SUBCASE("its address is not in use any more") {
    town.set_addresses({elsewhere.address()});
    next = &elsewhere;
  }
  town.settle();
  CHECK_FALSE(waiting.seated());  // before the next connection has said that it takes anybody
  town.links.emplace_back(next->accept()).say(takes(1) + h2::settings_ack());
  town.settle();
  CHECK(town.dials() == 2);
  CHECK(rider.seated());
  CHECK(waiting.seated());
}

TEST_CASE("for one request a server that takes nobody and ends its connections is asked for three, not for ever") {
  Town town;
  town.ride();
  town.accept(takes(0)).close();
  town.settle();
  const auto dialled_before = town.dials();
  auto& rider = town.ride();
  for (std::uint64_t dialled = 1; dialled <= 3; ++dialled) {
    CHECK(town.dials() == dialled_before + dialled);
    REQUIRE_FALSE(rider.failure.has_value());
    town.accept(takes(0)).close();
    town.settle();
  }
  REQUIRE(rider.failure.has_value());
  CHECK(rider.failure->reason == base::Reason::no_server);
  CHECK(town.dials() == dialled_before + 3);
}

TEST_CASE("who dialled a server that took nobody, and dials it anew, stays in front of those who came after") {
  Town town;
  town.ride();
  town.accept(takes(0)).close();
  town.settle();
  auto& first = town.ride(Town::Opens::later);
  town.ride();
  town.accept(takes(0)).close();
  town.settle();
  auto& link = town.links.emplace_back(town.server.accept());
  link.say(takes(1) + h2::settings_ack());
  town.settle();
  CHECK(first.seated());
  CHECK(link.heard(h2::type_headers) == 0);  // the place is that of the first, who has not begun to send
}

TEST_CASE("who waits in front and has not yet begun to send keeps nobody behind it from its place") {
  Town town;
  town.fill();
  const auto waiting = {&town.ride(Town::Opens::later), &town.ride(Town::Opens::later)};
  town.links[3].say(takes(3));
  town.settle();
  for (const auto* rider : waiting) CHECK(rider->seated());
}

TEST_CASE("a place that was kept for nothing goes to who waits") {
  Town town;
  town.fill();
  town.riders[9].leave();
  town.settle();
  auto& never = town.ride(Town::Opens::later);
  REQUIRE(never.seated());
  auto& waiting = town.ride();
  CHECK_FALSE(waiting.seated());
  never.leave();
  town.settle();
  CHECK(waiting.seated());
}

TEST_CASE("of those who wait for a connection to be made one makes it, and its failure is that of all") {
  Town town;
  town.server.stop_answering();
  auto riders = ride(town, 1);
  town.pass(2s);
  for (auto* const rider : ride(town, 2)) riders.push_back(rider);
  SUBCASE("it fails") {
    town.pass(town.pool.timing.connect - 1s);
    for (const auto* rider : riders) {
      REQUIRE(rider->failure.has_value());
      CHECK(rider->failure->reason == base::Reason::timed_out);
    }
    CHECK(town.dials() == 1);
  }
  SUBCASE("it is given up: the next one makes it") {
    riders[0]->tried.give_up();
    town.settle();
    CHECK(town.dials() == 2);
    CHECK_FALSE(riders[1]->failure.has_value());
    CHECK_FALSE(riders[2]->failure.has_value());
  }
}

TEST_CASE("who waits for a connection by new rules for TLS does not fail with that by the old ones") {
  Town town;
  auto older = town.pool;
  older.tls = net::TlsClient::make({.verify = false}).value();
  town.server.stop_answering();
  auto& failing = town.ride_by(older);
  town.pass(2s);
  auto& waiting = town.ride();
  CHECK(town.dials() == 1);
  town.pass(town.pool.timing.connect - 1s);
  CHECK(failing.failure.has_value());
  CHECK_FALSE(waiting.failure.has_value());
  CHECK(town.dials() == 2);
}

TEST_CASE("a server's new connection is taken for one that takes as much as the last one") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept(takes(1));
  SUBCASE("which is there") {
    town.ride();
  }
  SUBCASE("which has gone") {
    rider.leave();
    link.close();
    town.settle();
    town.ride();
  }
  CHECK(town.dials() == 2);
  town.ride();
  CHECK(town.dials() == 3);
}

TEST_CASE("who waits while the server's addresses change goes to a new one, or nowhere if there is none") {
  Town town;
  town.server.stop_answering();
  tests::RawServer second_address, elsewhere;
  town.set_addresses({town.server.address(), second_address.address()});
  auto& first = town.ride();
  auto& second = town.ride();
  CHECK(town.dials() == 1);
  SUBCASE("a new one") {
    town.set_addresses({elsewhere.address()});
    first.tried.give_up();
    town.settle();
    town.links.emplace_back(elsewhere.accept());
    CHECK(second.seated());
  }
  SUBCASE("none") {
    town.set_addresses({});
    first.tried.give_up();
    town.settle();
    REQUIRE(second.failure.has_value());
    CHECK(second.failure->reason == base::Reason::no_server);
  }
}

TEST_CASE("requests that a shutdown, or a cutover, still lets be sent get connections, which are not kept") {
  Town town;
  SUBCASE("shutdown") {
    town.servers.close_idle();
  }
  SUBCASE("cutover") {
    town.servers.keep_only({});
  }
  auto& rider = town.ride();
  auto& link = town.accept();
  auto& beside = town.ride();
  CHECK(beside.lease.carrier() == rider.lease.carrier());
  rider.leave();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 0);
  beside.leave();
  town.settle();
  CHECK(link.heard(h2::type_goaway) == 1);
}

TEST_CASE("a connection that is to end lets nobody in any more") {
  Town town;
  auto& rider = town.ride();
  town.accept();
  town.servers.keep_only({});
  CHECK(town.ride().lease.carrier() != rider.lease.carrier());
  CHECK(town.dials() == 2);
}
