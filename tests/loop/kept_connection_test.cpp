#include "tests/loop/h2_town.h"

#include <doctest/doctest.h>

#include <string_view>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace drawbridge;

net::Task<> take(tests::Town& town, upstream::LeaseWish& wish, upstream::Lease& lease) {
  upstream::Tried tried;
  CHECK((co_await town.servers.lease(town.pool, tried, wish, lease)).has_value());
}

constexpr std::string_view answer_to_nobody = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno";

// A server of HTTP/1 with one kept connection.
struct KeptTown : tests::Town {
  explicit KeptTown(base::Millis idle = base::Millis(60'000)) {
    pool.protocol = core::UpstreamProtocol::http1;
    pool.timing.idle = idle;
    use();
    served.push_back(server.accept());
    keep();
  }
  void use() {
    loop.spawn(take(*this, wish, lease));
    settle();
  }
  void keep() {
    lease.keep(pool);
    lease.reset();
    settle();
  }
  // A moment ago: no turn of the loop has seen it.
  void says(std::string_view text) { served.back().send(std::string(text)); }
  std::uint32_t strays() { return board.health(pool.servers.front().id).strays.count; }
  std::uint64_t dials_of_a_read_that_meets_one() {
    says(answer_to_nobody);
    const auto before = dials();
    loop.spawn(take(*this, wish, lease));
    settle();
    return dials() - before;
  }

  upstream::LeaseWish wish;
  upstream::Lease lease;
  std::vector<tests::RawSocket> served;
};

// This process may open no descriptor beyond those that it has.
struct NoMoreDescriptors {
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int next = ::dup(0);
    ::close(next);
    auto none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

  rlimit before{};
};

}  // namespace

TEST_CASE("a kept connection is used again, but not beyond its time, nor to an address that is down") {
  KeptTown town(base::Millis(100));
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
    town.use();
    CHECK(town.lease.slot() == 1);
    town.lease.reset();
    CHECK(town.dials() == dials);
    return;
  }
  town.use();
  CHECK(town.dials() == dials);
  town.lease.reset();
}

TEST_CASE("a write looks at a kept connection itself, whatever the loop knew of it") {
  KeptTown town;
  SUBCASE("a read takes it") {
    CHECK(town.dials_of_a_read_that_meets_one() == 0);
  }
  SUBCASE("a write does not") {
    town.wish.certain = true;
    CHECK(town.dials_of_a_read_that_meets_one() == 1);
    CHECK_FALSE(town.lease.reused());
  }
  town.lease.reset();
}

TEST_CASE("of a server that was met with an answer to nobody a read looks at each kept connection, for an hour") {
  KeptTown town;
  town.says(answer_to_nobody);
  town.settle();
  town.use();  // it was seen in time: another connection
  CHECK(town.dials() == 2);
  CHECK(town.strays() == 1);
  town.served.push_back(town.server.accept());
  town.keep();
  std::uint64_t dials = 1;
  SUBCASE("now") {}
  SUBCASE("later") {
    town.pass(upstream::HealthBoard::strays_kept);
    town.use();
    town.served.push_back(town.server.accept());
    town.keep();
    dials = 0;
  }
  CHECK(town.dials_of_a_read_that_meets_one() == dials);
  town.lease.reset();
}

TEST_CASE("what is said on a connection that nobody uses is heard before it is closed") {
  KeptTown town;
  std::uint32_t strays = 0;
  SUBCASE("an answer to nobody") {
    town.says(answer_to_nobody);
    strays = 1;
  }
  SUBCASE("the goodbye of a server that has waited for a request") {
    town.says("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
  }
  SUBCASE("its end") {
    town.served.clear();
  }
  town.settle();
  town.pass(std::chrono::seconds(2));
  CHECK(town.strays() == strays);
  CHECK(town.registry.worker(0).upstream_strays.value() == strays);
  CHECK(town.registry.worker(0).upstream_connections_open.value() == 0);
}

TEST_CASE("a connection that is kept gives way to one that is needed") {
  KeptTown town;
  town.wish.fresh = true;
  SUBCASE("where all workers together have all they may") {
    town.budget.set_limit(1);
    town.use();
  }
  SUBCASE("where the process is out of descriptors") {
    const NoMoreDescriptors none;
    town.use();
  }
  REQUIRE(town.lease);
  CHECK_FALSE(town.lease.reused());
  CHECK(town.registry.worker(0).upstream_connections_open.value() == 1);
  CHECK(town.budget.open() == 1);
  town.lease.reset();
}

TEST_CASE("where connections are scarce none is kept, and none stays") {
  KeptTown town;
  town.budget.set_limit(8);
  REQUIRE(town.budget.take());
  town.pass(std::chrono::seconds(2));
  CHECK(town.budget.open() == 2);
  for (int i = 0; i < 4; ++i) REQUIRE(town.budget.take());
  SUBCASE("the one that was") {
    town.pass(std::chrono::seconds(2));
  }
  SUBCASE("the one that is given back") {
    town.use();
    town.keep();
  }
  CHECK(town.budget.open() == 5);
  CHECK(town.registry.worker(0).upstream_connections_open.value() == 0);
}
