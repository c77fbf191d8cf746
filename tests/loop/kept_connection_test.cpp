#include "tests/loop/h2_town.h"

#include <doctest/doctest.h>

namespace {

using namespace drawbridge;

net::Task<> take(tests::Town& town, upstream::LeaseWish& wish, upstream::Lease& lease) {
  upstream::Tried tried;
  CHECK((co_await town.servers.lease(town.pool, tried, wish, lease)).has_value());
}

// A server's connection that has been given back.
tests::RawSocket keep_one(tests::Town& town, upstream::LeaseWish& wish, upstream::Lease& lease) {
  town.pool.protocol = core::UpstreamProtocol::http1;
  town.loop.spawn(take(town, wish, lease));
  town.settle();
  auto server = town.server.accept();
  lease.keep(town.pool);
  lease.reset();
  town.settle();
  return server;
}

}  // namespace

TEST_CASE("a kept connection is used again, but not beyond its time, nor to an address that is down") {
  tests::Town town;
  upstream::LeaseWish wish;
  upstream::Lease lease;
  town.pool.timing.idle = base::Millis(100);
  const auto server = keep_one(town, wish, lease);
  std::uint64_t dials = 2;
  SUBCASE("in time") {
    dials = 1;
  }
  SUBCASE("too late, before anybody has tidied up") {
    town.pass(std::chrono::milliseconds(101));
  }
  SUBCASE("to an address that does not answer any more, beside another one") {
    tests::RawServer elsewhere;
    town.set_addresses({town.server.address(), elsewhere.address()});
    town.board.set_probed(0, 0, upstream::HealthState::down, "", 3);
    town.loop.spawn(take(town, wish, lease));
    town.settle();
    CHECK(lease.slot() == 1);
    lease.reset();
    CHECK(town.dials() == dials);
    return;
  }
  town.loop.spawn(take(town, wish, lease));
  town.settle();
  CHECK(town.dials() == dials);
  lease.reset();
}

TEST_CASE("a write looks at a kept connection itself, whatever the loop knew of it") {
  tests::Town town;
  upstream::LeaseWish wish;
  upstream::Lease lease;
  auto server = keep_one(town, wish, lease);
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  SUBCASE("a read takes it") {
    town.loop.spawn(take(town, wish, lease));
    CHECK(lease.reused());
    CHECK(town.dials() == 1);
  }
  SUBCASE("a write does not") {
    wish.certain = true;
    town.loop.spawn(take(town, wish, lease));
    town.settle();
    CHECK_FALSE(lease.reused());
    CHECK(town.dials() == 2);
  }
  lease.reset();
}
