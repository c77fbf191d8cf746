#include "proxy/core/answer.h"
#include "proxy/core/explain.h"
#include "proxy/core/ledger.h"
#include "proxy/core/plan.h"
#include "tests/unit/ledger_office.h"
#include "tests/unit/slice_town.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::core;
using namespace drawbridge::core::testing;

TEST_CASE("each customer is on the pool of its slice, and whoever has none on the site's") {
  const Town town(Town::placement(
      0, {{"header:X-Tenant=acme", PoolId{1}}, {"header:X-Tenant=beta", PoolId{2}}, {"path:/eu", PoolId{1}}}));
  CHECK(town.at(Asked("POST", "/orders", acme)) == "green");
  CHECK(town.at(Asked("GET", "/orders", acme)) == "green");
  CHECK(town.at(Asked("POST", "/orders", beta)) == "red");
  CHECK(town.at(Asked("POST", "/orders")) == "blue");
  CHECK(town.at(Asked("POST", "/eu/orders")) == "green");
  CHECK(town.at(Asked("POST", "/devices/7", acme)) == "green");
  CHECK(decide(town.snapshot, Asked("GET", "/x", acme).facts()).slice->match.text() == "header:X-Tenant=acme");
  CHECK(decide(town.snapshot, Asked("GET", "/x").facts()).slice == nullptr);
}

TEST_CASE("what servers may take for two sides' is answered 400; what all take for one side is not") {
  const Town town(Town::placement(
      0, {{"header:X-Tenant=acme", PoolId{1}}, {"header:X-Tenant=beta", PoolId{2}}, {"path:/eu", PoolId{1}}}));
  CHECK(town.at(Asked("POST", "/x", {"X-Tenant: acme", "X-Tenant: beta"})) == "ambiguous");
  CHECK(town.at(Asked("POST", "/x", {"X-Tenant: acme", "X-Tenant: gamma"})) == "ambiguous");
  CHECK(town.at(Asked("POST", "/x", {"X_Tenant: acme"})) == "ambiguous");
  CHECK(town.at(Asked("POST", "/x", {"X-Tenant: delta", "X-Tenant: gamma"})) == "blue");
  CHECK(town.at(Asked("POST", "/eu%2fx")) == "ambiguous");
  CHECK(town.at(Asked("GET", "/us/..%2feu/x")) == "ambiguous");
  CHECK(town.at(Asked("POST", "/us/a%2fb")) == "blue");
  // Both ways to read it lead to green.
  CHECK(town.at(Asked("POST", "/eu%2fx", acme)) == "green");
  CHECK(town.at(Asked("POST", "/eu/x", {"X_Tenant: acme"})) == "green");
  const auto plan = decide(town.snapshot, Asked("POST", "/eu%2fx").facts());
  CHECK(plan.why == Why::ambiguous_slice);
  CHECK(plan.site != nullptr);
}

TEST_CASE("a cutover of a slice holds the writes of that slice, and nothing else") {
  const auto now = Town::placement(0, {{"header:X-Tenant=beta", PoolId{1}}});
  const auto to = Town::placement(0, {{"header:X-Tenant=acme", PoolId{1}}, {"header:X-Tenant=beta", PoolId{1}}});
  const Town town(now, to);
  CHECK(town.at(Asked("POST", "/orders", acme)) == "park");
  CHECK(town.at(Asked("GET", "/orders", acme)) == "blue");
  CHECK(town.at(Asked("POST", "/devices/1", acme)) == "blue");
  CHECK(town.at(Asked("POST", "/orders", beta)) == "green");
  CHECK(town.at(Asked("POST", "/orders")) == "blue");
  CHECK(town.at(Asked("POST", "/orders", {"X-Tenant: acme", "X-Tenant: gamma"})) == "ambiguous");
  const Town all(now, to, HoldScope::all);
  CHECK(all.at(Asked("GET", "/orders", acme)) == "park");
  CHECK(all.at(Asked("GET", "/orders", beta)) == "green");
  const Town readonly(now, to, HoldScope::writes, Mode::readonly);
  CHECK(readonly.at(Asked("POST", "/orders", acme)) == "refuse");
  CHECK(readonly.at(Asked("GET", "/orders", acme)) == "blue");
}

TEST_CASE("who waits for a slice's move is told of that hold, all others of the site's mode") {
  const auto now = Town::placement(0, {}), to = Town::placement(0, {{"header:X-Tenant=acme", PoolId{1}}});
  const auto of_site = std::make_shared<AnswerSet>(), of_move = std::make_shared<AnswerSet>();
  Town town(now, to);
  auto split = std::make_unique<Split>(*town.site->split);
  split->move->answers = of_move;
  town.site->split = std::move(split);
  CHECK(answers_of(decide(town.snapshot, Asked("POST", "/x", acme).facts())) == of_move.get());
  town.site->answers = of_site;
  town.site->mode.mode = Mode::readonly;
  CHECK(answers_of(decide(town.snapshot, Asked("POST", "/x", acme).facts())) == of_site.get());
  Town held(now, nullptr, HoldScope::writes, Mode::hold);
  held.site->answers = of_site;
  CHECK(answers_of(decide(held.snapshot, Asked("POST", "/x", acme).facts())) == of_site.get());
}

TEST_CASE("what went to the notice pool moves with no slice: no drain waits for it") {
  const auto to = Town::placement(0, {{"header:X-Tenant=acme", PoolId{1}}});
  Town town(Town::placement(0, {}), nullptr, HoldScope::writes, Mode::maintenance);
  town.site->notice = town.snapshot.pools[2].get();
  const Asked asked("POST", "/x", acme);
  const auto plan = decide(town.snapshot, asked.facts());
  REQUIRE(plan.notice);
  CHECK_FALSE(core::moves(plan, asked.facts(), *to));
  town.site->mode.mode = Mode::live;
  CHECK(core::moves(decide(town.snapshot, asked.facts()), asked.facts(), *to));
}

TEST_CASE("a percentage that grows holds those who join, not those who are there") {
  const auto now = Town::placement(0, {{"percent:10 by cookie:sid", PoolId{1}}});
  const auto to = Town::placement(0, {{"percent:25 by cookie:sid", PoolId{1}}});
  const Town town(now, to);
  int there = 0, join = 0, stay = 0;
  for (int i = 0; i < 2'000; ++i) {
    const auto side = town.at(Asked("POST", "/", {fmt::format("Cookie: sid={}", i)}));
    there += side == "green" ? 1 : 0;
    join += side == "park" ? 1 : 0;
    stay += side == "blue" ? 1 : 0;
  }
  CHECK(there > 150);
  CHECK(there < 250);
  CHECK(join > 230);
  CHECK(join < 370);
  CHECK(stay == 2'000 - there - join);
}

TEST_CASE("a move of the whole site holds the remainder, not the customers who are there") {
  const Town town(Town::placement(0, {{"header:X-Tenant=acme", PoolId{1}}, {"header:X-Tenant=beta", PoolId{2}}}),
                  Town::placement(1, {}));
  CHECK(town.at(Asked("POST", "/orders", acme)) == "green");
  CHECK(town.at(Asked("POST", "/orders", beta)) == "park");
  CHECK(town.at(Asked("POST", "/orders")) == "park");
}

TEST_CASE("explain tells the slice, and what it does not know of the client") {
  const Town town(Town::placement(0, {{"header:X-Tenant=acme", PoolId{1}}, {"percent:10", PoolId{2}}}));
  auto explained = explain(town.snapshot, Asked("POST", "/x", acme).facts());
  CHECK(explained.slice == "header:X-Tenant=acme");
  CHECK(explained.pool == "green");
  CHECK(explained.sentence.find("slice \"header:X-Tenant=acme\"") != std::string::npos);
  CHECK(explained.sentence.find("--from") == std::string::npos);
  const Asked stranger("POST", "/x");
  auto facts = stranger.facts();
  facts.client = nullptr;
  CHECK(explain(town.snapshot, facts).sentence.find("--from") != std::string::npos);
  explained = explain(town.snapshot, Asked("POST", "/x", {"X_Tenant: acme"}).facts());
  CHECK(explained.verdict == Verdict::ambiguous);
  CHECK(explained.sentence.find("400") != std::string::npos);
}

namespace {

// In flight on a pool, with what it came with.
struct InFlight final : Admission::Owner {
  Asked asked;
  Plan plan;
  int cuts = 0;
  std::vector<base::SteadyTime> told;
  Admission admission;

  InFlight(const Town& town, std::string_view method, const std::vector<std::string>& fields)
      : asked(method, "/orders", fields), plan(decide(town.snapshot, asked.facts())) {}
  void cut() override { ++cuts; }
  void told_to_go(base::SteadyTime at) override { told.push_back(at); }
  bool moves(const Placement& to) const override { return core::moves(plan, asked.facts(), to); }
};

}  // namespace

TEST_CASE("the drain of a slice waits for what moves, lists and cuts just that, and ends with it") {
  testing::Office office;
  const Town town(Town::placement(0, {{"header:X-Tenant=beta", PoolId{1}}}));
  const auto enter = [&](InFlight& one, RequestClass request_class = RequestClass::write) {
    office.ledger.enter(one.admission, {.epoch = 1,
                                        .site = 0,
                                        .site_name = &shop,
                                        .request_class = request_class,
                                        .id = "id",
                                        .facts = one.asked.facts(),
                                        .owner = &one});
  };
  InFlight of_acme(town, "POST", acme), of_beta(town, "POST", beta), of_nobody(town, "POST", {});
  InFlight unclear(town, "POST", {"X-Tenant: acme", "X-Tenant: gamma"}), tunnel(town, "GET", acme),
      other(town, "GET", {});
  for (auto* one : {&of_acme, &of_beta, &of_nobody, &unclear}) enter(*one);
  enter(tunnel, RequestClass::tunnel);
  enter(other, RequestClass::tunnel);
  const DrainScope scope{
      .epoch = 2,
      .sites = {0},
      .classes = testing::writes,
      .spare_read_tunnels = false,
      .moved_by = Town::placement(0, {{"header:X-Tenant=beta", PoolId{1}}, {"header:X-Tenant=acme", PoolId{1}}})};
  const auto open = office.ledger.fence(7, scope);
  CHECK(open[RequestClass::write] == 2);
  CHECK(open[RequestClass::tunnel] == 1);
  office.ledger.tell_tunnels(7, testing::start, base::Millis(100));
  CHECK(tunnel.told.size() == 1);
  CHECK(other.told.empty());
  tunnel.admission.leave();

  // A second drain of the same customer does not disturb the first.
  CHECK(office.ledger.fence(8, scope)[RequestClass::write] == 2);
  CHECK(office.ledger.outstanding(7, testing::start).size() == 2);
  office.ledger.forget(8);
  unclear.admission.leave();
  CHECK(office.heard.drains.empty());
  CHECK(office.ledger.cut(7, testing::start, false).size() == 1);
  CHECK(of_acme.cuts == 1);
  CHECK(of_nobody.cuts + of_beta.cuts == 0);
  of_acme.admission.leave();
  REQUIRE(office.heard.drains.size() == 1);
  CHECK(office.heard.drains[0].second[RequestClass::write] == 2);
  CHECK(office.heard.drains[0].second[RequestClass::tunnel] == 1);
}

TEST_CASE("with more drains than there are marks, one waits for more than it must, never for less") {
  testing::Office office;
  const Town town(Town::placement(0, {}));
  InFlight stranger(town, "POST", {}), of_acme(town, "POST", acme);
  for (auto* one : {&stranger, &of_acme}) {
    office.ledger.enter(one->admission, {.epoch = 1, .request_class = RequestClass::write, .owner = one});
  }
  const DrainScope scope{.epoch = 2,
                         .sites = {0},
                         .classes = testing::writes,
                         .moved_by = Town::placement(0, {{"header:X-Tenant=acme", PoolId{1}}})};
  for (std::uint64_t id = 1; id <= 32; ++id) CHECK(office.ledger.fence(id, scope).total() == 1);
  CHECK(office.ledger.fence(33, scope).total() == 2);
  of_acme.admission.leave();
  CHECK(office.heard.drains.size() == 32);
  stranger.admission.leave();
  CHECK(office.heard.drains.size() == 33);
}
