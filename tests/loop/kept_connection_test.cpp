#include "tests/loop/h2_town.h"

#include <doctest/doctest.h>

namespace {

using namespace drawbridge;

net::Task<> take(tests::Town& town, upstream::LeaseWish& wish, upstream::Lease& lease) {
  upstream::Tried tried;
  CHECK((co_await town.servers.lease(town.pool, tried, wish, lease)).has_value());
}

}  // namespace

TEST_CASE("a write looks at a kept connection itself, whatever the loop knew of it") {
  tests::Town town;
  town.pool.protocol = core::UpstreamProtocol::http1;
  upstream::LeaseWish wish;
  upstream::Lease lease;
  town.loop.spawn(take(town, wish, lease));
  town.settle();
  auto server = town.server.accept();
  lease.keep(town.pool);
  lease.reset();
  town.settle();
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
