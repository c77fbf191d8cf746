#include "tests/unit/ledger_office.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::core;
using namespace drawbridge::core::testing;
using namespace std::chrono_literals;

TEST_CASE("a drain with nothing open at the fence has ended at once, and only once") {
  Office office;
  auto read = office.enter(1, RequestClass::read);
  CHECK(office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes}).total() == 0);
  REQUIRE(office.heard.drains.size() == 1);
  CHECK(office.heard.drains[0].first == 7);
  read.reset();
  CHECK(office.heard.drains.size() == 1);
}

TEST_CASE("a drain ends when the last request that was admitted before the fence has left") {
  Office office;
  auto first = office.enter(1, RequestClass::write);
  auto second = office.enter(1, RequestClass::write);
  CHECK(office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes})[RequestClass::write] == 2);
  auto later = office.enter(2, RequestClass::write);
  first.reset();
  CHECK(office.heard.drains.empty());
  CHECK(office.ledger.left(7)[RequestClass::write] == 1);
  second->admission.leave();
  second->admission.leave();
  REQUIRE(office.heard.drains.size() == 1);
  CHECK(office.heard.drains[0].second[RequestClass::write] == 2);
  CHECK(office.ledger.in_flight(0)[RequestClass::write] == 1);
}

TEST_CASE("a drain of a server means what is there when the fence passes, whatever becomes of it") {
  Office office;
  auto here = office.enter(1, RequestClass::write);
  auto read_here = office.enter(1, RequestClass::read, 1);
  auto there = office.enter(1, RequestClass::write);
  here->server = read_here->server = 5;
  const DrainScope scope{.epoch = 2, .sites = {0, 1}, .classes = all_classes, .at_server = 5};
  CHECK(office.ledger.fence(7, scope).total() == 2);
  there->server = 5;
  here->server = 6;
  CHECK(office.ledger.cut(7, start, false).size() == 2);
  CHECK(here->cuts + read_here->cuts == 2);
  CHECK(there->cuts == 0);
  here.reset();
  read_here.reset();
  REQUIRE(office.heard.drains.size() == 1);
  CHECK(office.ledger.in_flight(0).total() == 1);
}

TEST_CASE("other sites, other classes, exempt requests and spared tunnels do not hold a drain up") {
  Office office;
  auto elsewhere = office.enter(1, RequestClass::write, 3);
  auto read = office.enter(1, RequestClass::read);
  Request exempt, tunnel;
  auto entry = office.entry(exempt, 1, RequestClass::write);
  entry.exempt = true;
  office.ledger.enter(exempt.admission, entry);
  entry = office.entry(tunnel, 1, RequestClass::tunnel);
  entry.read_tunnel = true;
  office.ledger.enter(tunnel.admission, entry);

  DrainScope scope{.epoch = 2, .sites = {2, 0}, .classes = writes, .spare_read_tunnels = true};
  CHECK(office.ledger.fence(1, scope).total() == 0);
  scope.spare_read_tunnels = false;
  CHECK(office.ledger.fence(2, scope).total() == 1);
  scope.classes = all_classes;
  CHECK(office.ledger.fence(3, scope).total() == 2);
  scope.sites = {3, 0};
  CHECK(office.ledger.fence(4, scope).total() == 3);
}

TEST_CASE("a drain of all that is on a pool that is left waits for exempt requests, too") {
  Office office;
  Request exempt;
  auto entry = office.entry(exempt, 1, RequestClass::write);
  entry.exempt = true;
  office.ledger.enter(exempt.admission, entry);
  CHECK(office.ledger.fence(1, {.epoch = 2, .sites = {0}, .classes = writes, .exempt_too = true}).total() == 1);
  CHECK(office.heard.drains.empty());
  exempt.admission.leave();
  REQUIRE(office.heard.drains.size() == 1);
  CHECK(office.heard.drains[0].second[RequestClass::write] == 1);
}

TEST_CASE("a cut reaches each request once and names it once, also when it takes its time to leave") {
  Office office;
  auto prompt = office.enter(1, RequestClass::write);
  auto slow = office.enter(1, RequestClass::write);
  auto tunnel = office.enter(1, RequestClass::tunnel);
  prompt->on_cut = [&] { prompt->admission.leave(); };
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});

  const auto tunnels = office.ledger.cut(7, start + 4s, true);
  REQUIRE(tunnels.size() == 1);
  CHECK(tunnels.requests[0].request_class == RequestClass::tunnel);
  CHECK(office.ledger.outstanding(7, start).size() == 2);

  const auto rest = office.ledger.cut(7, start + 5s, false);
  REQUIRE(rest.size() == 2);
  CHECK(rest.requests[0].path == "/orders");
  CHECK(rest.requests[0].site == "shop");
  CHECK(rest.requests[0].age == 5s);
  CHECK(office.ledger.outstanding(7, start).empty());
  CHECK(office.ledger.cut(7, start + 6s, false).empty());
  CHECK(prompt->cuts + slow->cuts + tunnel->cuts == 3);
  CHECK(office.heard.drains.empty());
  slow.reset();
  tunnel.reset();
  CHECK(office.heard.drains.size() == 1);
}

TEST_CASE("a request that another drain has cut is still named by a drain that waits for it") {
  Office office;
  auto slow = office.enter(1, RequestClass::write);
  office.ledger.fence(1, {.epoch = 2, .sites = {0}, .classes = writes});
  office.ledger.fence(2, {.epoch = 3, .sites = {0}, .classes = writes});
  CHECK(office.ledger.cut(1, start, false).size() == 1);
  CHECK(office.ledger.outstanding(2, start).size() == 1);
  CHECK(office.ledger.cut(2, start, false).size() == 1);
  CHECK(slow->cuts == 1);
}

TEST_CASE("a cut names nobody that no server has seen, whatever it is by the time that another drain cuts it") {
  Office office;
  auto unseen = office.enter(1, RequestClass::write);
  auto seen = office.enter(1, RequestClass::write);
  unseen->unseen = true;
  office.ledger.fence(1, {.epoch = 2, .sites = {0}, .classes = writes});
  office.ledger.fence(2, {.epoch = 3, .sites = {0}, .classes = writes});
  for (const std::uint64_t drain : {1U, 2U}) {
    const auto cut = office.ledger.cut(drain, start, false);
    CHECK(cut.size() == 1);
    CHECK(cut.counts[RequestClass::write] == 1);
    CHECK(cut.untouched[RequestClass::write] == 1);
    unseen->unseen = false;
  }
  CHECK(unseen->cuts + seen->cuts == 2);
  CHECK(office.ledger.outstanding(2, start).empty());
}

TEST_CASE("a cut stays sound when one request takes others along") {
  Office office;
  std::vector<std::unique_ptr<Request>> requests;
  requests.reserve(6);
  for (int i = 0; i < 6; ++i) requests.push_back(office.enter(1, RequestClass::write));
  requests[1]->on_cut = [&] {
    for (const int i : {0, 1, 2, 3, 5}) requests[static_cast<std::size_t>(i)]->admission.leave();
    office.ledger.forget(7);
  };
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});
  CHECK(office.ledger.cut(7, start, false).size() == 3);
  CHECK(requests[4]->cuts == 1);
  CHECK(office.ledger.total() == 1);
  CHECK(office.heard.drains.empty());
}

TEST_CASE("all are cut, though only so many are listed") {
  Office office;
  std::vector<std::unique_ptr<Request>> requests;
  const auto count = base::limits::listed_requests_max + 50;
  for (std::size_t i = 0; i < count; ++i) {
    requests.push_back(office.enter(1, RequestClass::write));
    requests.back()->on_cut = [&request = *requests.back()] { request.admission.leave(); };
  }
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});
  CHECK(office.ledger.cut(7, start, false).size() == base::limits::listed_requests_max);
  REQUIRE(office.heard.drains.size() == 1);
  CHECK(office.heard.drains[0].second[RequestClass::write] == count);
}

TEST_CASE("tunnels are told to go once each, evenly spread") {
  Office office;
  std::vector<std::unique_ptr<Request>> tunnels;
  tunnels.reserve(4);
  for (int i = 0; i < 4; ++i) tunnels.push_back(office.enter(1, RequestClass::tunnel));
  auto write = office.enter(1, RequestClass::write);
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});
  office.ledger.tell_tunnels(7, start, 2s);
  office.ledger.tell_tunnels(7, start + 9s, 2s);
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(tunnels[i]->told.size() == 1);
    CHECK(tunnels[i]->told[0] == start + 500ms * i);
  }
  CHECK(write->told.empty());
}

TEST_CASE("a drain that was forgotten is not heard of") {
  Office office;
  auto write = office.enter(1, RequestClass::write);
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});
  office.ledger.forget(7);
  CHECK(office.ledger.cut(7, start, false).empty());
  CHECK(office.ledger.outstanding(7, start).empty());
  office.ledger.tell_tunnels(7, start, 1s);
  write.reset();
  CHECK(office.heard.drains.empty());
}

TEST_CASE("a listener may start the next drain inside the end of the last") {
  Office office;
  auto write = office.enter(1, RequestClass::write);
  auto read = office.enter(1, RequestClass::read);
  office.heard.on_drained = [&](std::uint64_t id) {
    if (id == 1) office.ledger.fence(2, {.epoch = 3, .sites = {0}, .classes = all_classes});
  };
  office.ledger.fence(1, {.epoch = 2, .sites = {0}, .classes = writes});
  write.reset();
  CHECK(office.heard.drains.size() == 1);
  read.reset();
  REQUIRE(office.heard.drains.size() == 2);
  CHECK(office.heard.drains[1].second[RequestClass::read] == 1);
}

TEST_CASE("an old epoch has ended when its last admission left, exempt or not") {
  Office office;
  office.published(1);
  CHECK(office.heard.epochs == std::vector<std::uint64_t>{1});
  auto first = office.enter(1, RequestClass::read);
  office.published(2);
  auto second = office.enter(2, RequestClass::read);
  office.published(5);
  CHECK(office.heard.epochs.size() == 1);
  first.reset();
  CHECK(office.heard.epochs == std::vector<std::uint64_t>{1, 2});
  second.reset();
  CHECK(office.heard.epochs == std::vector<std::uint64_t>{1, 2, 5});
}

TEST_CASE("the oldest requests of a site are shown first, their paths cut to a readable length") {
  Office office;
  Request old, young;
  const std::string path(5'000, 'x');
  auto entry = office.entry(old, 1, RequestClass::write);
  entry.facts.path = path;
  office.ledger.enter(old.admission, entry);
  office.ledger.enter(young.admission, office.entry(young, 1, RequestClass::write));
  const auto shown = office.ledger.oldest(0, RequestClass::write, start + 1s, 1);
  REQUIRE(shown.size() == 1);
  CHECK(shown[0].path.size() == base::limits::shown_path_bytes_max);
  CHECK(office.ledger.oldest(0, RequestClass::write, start, 5).size() == 2);
  CHECK(office.ledger.oldest(0, RequestClass::read, start, 5).empty());
}

TEST_CASE("admissions outlive a ledger that is gone") {
  Heard heard;
  Request request;
  {
    Ledger ledger(heard);
    Entry entry;
    entry.owner = &request;
    ledger.enter(request.admission, entry);
  }
  CHECK_FALSE(request.admission.entered());
}

TEST_CASE("a write that leaves without its upstream's answer is named to the drains that waited for it") {
  Office office;
  auto before = office.enter(1, RequestClass::write);
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});
  auto after = office.enter(2, RequestClass::write);
  for (auto* request : {before.get(), after.get()}) {
    request->admission.outcome_unknown(start + 3s);
    request->admission.leave();
  }
  REQUIRE(office.heard.unknown.size() == 1);
  CHECK(office.heard.unknown.front().age == 3s);
  CHECK(office.heard.drains.size() == 1);
}

TEST_CASE("what a drain has listed as cut is not named to it again") {
  Office office;
  auto write = office.enter(1, RequestClass::write);
  office.ledger.fence(7, {.epoch = 2, .sites = {0}, .classes = writes});
  CHECK(office.ledger.cut(7, start, false).size() == 1);
  write->admission.outcome_unknown(start);
  write->admission.leave();
  CHECK(office.heard.unknown.empty());
}

TEST_CASE("a write that has left without its upstream's answer is told to who asks within ten minutes") {
  Office office;
  const auto leave = [&](base::SteadyTime at, SiteId site) {
    auto write = office.enter(1, RequestClass::write, site);
    write->admission.outcome_unknown(at, "127.0.0.1:9001");
    write->admission.leave();
  };
  leave(start + 2s, 0);
  leave(start + 5s, 1);
  leave(start + 8s, 0);
  auto answered = office.enter(1, RequestClass::write);
  answered->admission.leave();
  const auto told = office.ledger.unknown_writes({0}, start + 10s);
  CHECK(told.count == 2);
  CHECK(told.exact);
  CHECK(told.newest == 2s);
  REQUIRE(told.requests.size() == 2);
  CHECK(told.requests.front().server == "127.0.0.1:9001");
  CHECK(told.requests.front().age == 10s);
  CHECK(told.requests.front().ended_ago == 2s);
  CHECK(office.ledger.unknown_writes({0, 1}, start + 10s).count == 3);
  CHECK(office.ledger.unknown_writes({0}, start + 8s + 10min).count == 1);
  CHECK(office.ledger.unknown_writes({0}, start + 9s + 10min).count == 0);
}

TEST_CASE("such writes are told in the order in which they have ended, whenever they leave") {
  Office office;
  const auto leave = [&](base::SteadyTime at) {
    auto write = office.enter(1, RequestClass::write);
    write->admission.outcome_unknown(at);
    write->admission.leave();
  };
  for (const auto at : {20s, 30s, 10s}) leave(start + at);
  const auto told = office.ledger.unknown_writes({0}, start + 40s);
  CHECK(told.newest == 10s);
  REQUIRE(told.requests.size() == 3);
  CHECK(told.requests.front().ended_ago == 10s);
  CHECK(told.requests.back().ended_ago == 30s);
  CHECK(office.ledger.unknown_writes({0}, start + 15s + 10min).count == 2);
  // That of 10 s gives way, and then one of before it.
  for (std::uint64_t i = 3; i < base::limits::unknown_writes_max; ++i) leave(start + 40s);
  for (int i = 0; i < 2; ++i) leave(start + 1s);
  CHECK_FALSE(office.ledger.unknown_writes({0}, start + 5s + 10min).exact);
}

TEST_CASE("a site with many such writes is said to have at least so many, and takes no place from another's") {
  Office office;
  for (std::uint64_t i = 0; i <= base::limits::unknown_writes_max + 5; ++i) {
    auto write = office.enter(1, RequestClass::write, i == 0 ? SiteId{1} : SiteId{0});
    write->admission.outcome_unknown(start + std::chrono::seconds(i));
    write->admission.leave();
  }
  const auto now = start + std::chrono::seconds(base::limits::unknown_writes_max + 5);
  const auto many = office.ledger.unknown_writes({0}, now);
  CHECK(many.count == base::limits::unknown_writes_max - 1);
  CHECK_FALSE(many.exact);
  const auto one = office.ledger.unknown_writes({1}, now);
  CHECK(one.count == 1);
  CHECK(one.exact);
  CHECK(office.ledger.unknown_writes({0}, now + 10min).exact);
  auto all = one;
  all += many;
  CHECK(all.count == many.count + 1);
  CHECK_FALSE(all.exact);
  CHECK(all.newest == 0s);
}

TEST_CASE("the oldest request is the one that waits longest for its end, and tunnels have none") {
  Office office;
  auto tunnel = office.enter(1, RequestClass::tunnel);
  CHECK_FALSE(office.ledger.oldest_request().has_value());
  auto parked_before = office.enter(1, RequestClass::write);
  CHECK(office.ledger.oldest_request() == start);
  parked_before->admission.leave();
  CHECK_FALSE(office.ledger.oldest_request().has_value());
}

TEST_CASE("at the end tunnels are cut, and requests from before the time that is named") {
  Office office;
  auto tunnel = office.enter(1, RequestClass::tunnel);
  auto read = office.enter(1, RequestClass::read);
  office.ledger.end_old(start);
  CHECK(tunnel->cuts == 1);
  CHECK(read->cuts == 0);
  office.ledger.end_old(start + 1ns);
  CHECK(read->cuts == 1);
}
