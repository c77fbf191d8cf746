#include "proxy/serve/census.h"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

using namespace drawbridge;
using serve::Census;

namespace {

const auto alice = *http::parse_ip("192.0.2.1");
const auto bob = *http::parse_ip("2001:db8::1");

}  // namespace

TEST_CASE("an address gets as many seats as its limit, others are not concerned") {
  Census census;
  census.set_limits(100, 2);
  auto first = census.enter(alice, false);
  auto second = census.enter(alice, false);
  CHECK(first.has_value());
  CHECK(second.has_value());
  CHECK_FALSE(census.enter(alice, false).has_value());
  CHECK(census.enter(bob, false).has_value());
  first.reset();
  CHECK(census.enter(alice, false).has_value());
}

TEST_CASE("an address that stands for many clients is not limited") {
  Census census;
  census.set_limits(100, 1);
  std::vector<std::optional<Census::Seat>> seats;
  for (int i = 0; i < 10; ++i) seats.push_back(census.enter(alice, true));
  for (const auto& seat : seats) CHECK(seat.has_value());
  CHECK(census.enter(alice, false).has_value());
}

TEST_CASE("the process is full while its limit of seats is taken") {
  Census census;
  census.set_limits(2, 0);
  auto first = census.enter(alice, false);
  CHECK_FALSE(census.full());
  auto second = census.enter(alice, false);
  CHECK(census.full());
  second.reset();
  CHECK_FALSE(census.full());
}

TEST_CASE("a limit that is set later does not count who came before") {
  Census census;
  auto before = census.enter(alice, false);
  census.set_limits(100, 1);
  CHECK(census.enter(alice, false).has_value());
  before.reset();
  CHECK(census.enter(alice, false).has_value());
}

TEST_CASE("who leaves, and a limit that is raised, call who waits for a place") {
  Census census;
  census.set_limits(1, 0);
  auto first = census.enter(alice, false);
  int called = 0;
  census.line().stand({}, {.first_came = base::SteadyTime{}, .count = 1, .call = [&] { ++called; }});
  SUBCASE("who leaves") {
    first.reset();
  }
  SUBCASE("a limit that is raised") {
    census.set_limits(1, 1);
    CHECK(called == 0);
    census.set_limits(2, 0);
  }
  CHECK(called == 1);
  census.line().leave({});
}
