#include "proxy/core/balance.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace drawbridge::core;

namespace {

std::vector<Candidate> servers(std::initializer_list<std::uint32_t> weights) {
  std::vector<Candidate> list;
  for (const auto weight : weights) list.push_back({.eligible = true, .in_flight = 0, .weight = weight});
  return list;
}

// The places chosen in `count` rounds, each request ending at once.
std::string turns(Balance balance, const std::vector<Candidate>& list, int count) {
  BalanceState state;
  std::string out;
  for (int i = 0; i < count; ++i) {
    const auto place = pick(balance, list, state);
    out += place ? static_cast<char>('a' + *place) : '-';
  }
  return out;
}

}  // namespace

TEST_CASE("round robin takes turns by weight, without runs") {
  CHECK(turns(Balance::round_robin, servers({1, 1, 1}), 6) == "abcabc");
  CHECK(turns(Balance::round_robin, servers({2, 1}), 6) == "abaaba");
  CHECK(turns(Balance::round_robin, servers({5, 1, 1}), 7) == "aabacaa");
}

TEST_CASE("round robin does not look at the load") {
  auto list = servers({1, 1});
  list[0].in_flight = 1'000;
  CHECK(turns(Balance::round_robin, list, 4) == "abab");
}

TEST_CASE("least requests goes where the fewest are for the weight, and ties take turns") {
  auto list = servers({1, 1, 1});
  CHECK(turns(Balance::least_requests, list, 6) == "abcabc");
  list[0].in_flight = 2;
  CHECK(turns(Balance::least_requests, list, 4) == "bcbc");
  list[2].in_flight = 1;
  CHECK(turns(Balance::least_requests, list, 3) == "bbb");
  list = servers({4, 1});
  list[0].in_flight = 3;
  list[1].in_flight = 1;
  CHECK(turns(Balance::least_requests, list, 2) == "aa");
  list[0].in_flight = 5;
  CHECK(turns(Balance::least_requests, list, 2) == "bb");
}

TEST_CASE("requests that stay open spread over the servers by their weights") {
  auto list = servers({3, 1});
  BalanceState state;
  for (int i = 0; i < 400; ++i) ++list[*pick(Balance::least_requests, list, state)].in_flight;
  CHECK(list[0].in_flight == 300);
  CHECK(list[1].in_flight == 100);
}

TEST_CASE("only eligible servers with a weight are chosen, and none if there is none") {
  for (const auto balance : {Balance::round_robin, Balance::least_requests}) {
    auto list = servers({1, 1, 0, 1});
    list[1].eligible = false;
    CHECK(turns(balance, list, 4) == "adad");
    list[0].eligible = list[3].eligible = false;
    CHECK(turns(balance, list, 2) == "--");
    CHECK(turns(balance, {}, 1) == "-");
  }
}

TEST_CASE("a server that comes back gets its share, not what it missed") {
  auto list = servers({1, 1});
  BalanceState state;
  list[1].eligible = false;
  for (int i = 0; i < 1'000; ++i) CHECK(pick(Balance::round_robin, list, state) == 0);
  list[1].eligible = true;
  int second = 0;
  for (int i = 0; i < 100; ++i) second += pick(Balance::round_robin, list, state) == 1 ? 1 : 0;
  CHECK(second == 50);
}

TEST_CASE("a pool whose servers have changed starts afresh") {
  BalanceState state;
  CHECK(pick(Balance::round_robin, servers({1, 1}), state) == 0);
  CHECK(pick(Balance::round_robin, servers({1, 1, 1}), state) == 0);
  CHECK(pick(Balance::round_robin, servers({1}), state) == 0);
}
