#include "proxy/core/route.h"
#include "tests/unit/ledger_office.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::core;
using namespace drawbridge::core::testing;

namespace {

constexpr SiteId old_site = 0, other_site = 1;

// Who has shop.example/orders after a reload, and what its rules say of it.
struct Rules {
  SiteId owner = old_site;
  std::vector<std::string_view> read, write, exempt;
};

std::vector<Rule> parsed(const std::vector<std::string_view>& texts) {
  std::vector<Rule> rules;
  for (const auto text : texts) rules.push_back(Rule::parse(text).value());
  return rules;
}

Snapshot reloaded(std::uint64_t epoch, const Rules& rules) {
  Snapshot snapshot;
  snapshot.epoch = snapshot.rules_epoch = epoch;
  for (const SiteId id : {old_site, other_site}) {
    auto site = std::make_unique<SiteView>();
    site->id = id;
    site->rules = {.read = parsed(rules.read), .write = parsed(rules.write), .exempt = parsed(rules.exempt)};
    snapshot.sites.push_back(std::move(site));
  }
  const std::string host = "shop.example", elsewhere = "elsewhere.example";
  const bool stays = rules.owner == old_site;
  snapshot.routes = RouteTable({{.hosts = {stays ? host : elsewhere}, .paths = {"/"}},
                                {.hosts = {stays ? elsewhere : host}, .paths = {"/"}}});
  return snapshot;
}

struct ReloadCase {
  std::string_view what;
  RequestClass admitted;
  const char* method;
  Rules rules;
  SiteId drained;
  bool waited_for;
};

const ReloadCase reload_cases[] = {
    {"its host is another site's now", RequestClass::write, "POST", {.owner = other_site}, other_site, true},
    {"its host was this site's", RequestClass::write, "POST", {.owner = other_site}, old_site, true},
    {"a read of another site's is no write", RequestClass::read, "GET", {.owner = other_site}, other_site, false},
    {"a write rule names it now", RequestClass::read, "GET", {.write = {"GET /orders"}}, old_site, true},
    {"a write rule named it before", RequestClass::write, "GET", {}, old_site, true},
    {"no read rule names it any more", RequestClass::read, "POST", {}, old_site, true},
    {"an exempt rule came too late for it", RequestClass::write, "POST", {.exempt = {"* /orders"}}, old_site, true},
    {"nothing changed for it", RequestClass::read, "GET", {.write = {"GET /cart"}}, old_site, false},
};

}  // namespace

TEST_CASE("a drain after a reload waits for what is a write of its site by the rules before or after it") {
  for (const auto& row : reload_cases) {
    CAPTURE(row.what);
    Office office;
    Request request;
    auto entry = office.entry(request, 1, row.admitted);
    entry.facts.method = row.method;
    office.ledger.enter(request.admission, entry);
    const auto snapshot = reloaded(2, row.rules);
    office.ledger.published(snapshot);
    const auto open = office.ledger.fence(1, {.epoch = 3, .sites = {row.drained}, .classes = writes});
    CHECK(open[RequestClass::write] == (row.waited_for ? 1 : 0));
    CHECK(office.ledger.outstanding(1, start).size() == open.total());
    request.admission.leave();
    CHECK(office.heard.drains.size() == 1);
    CHECK(office.ledger.in_flight(old_site).total() == 0);
  }
}

TEST_CASE("a request that was exempt is waited for once a reload has taken its rule away") {
  Office office;
  Request request;
  auto entry = office.entry(request, 1, RequestClass::write);
  entry.exempt = true;
  office.ledger.enter(request.admission, entry);
  office.ledger.published(reloaded(2, {}));
  CHECK(office.ledger.fence(1, {.epoch = 3, .sites = {old_site}, .classes = writes}).total() == 1);
}

TEST_CASE("a path that a reload makes ambiguous is waited for by every site") {
  Office office;
  Request request;
  auto entry = office.entry(request, 1, RequestClass::read);
  entry.facts.method = "GET";
  entry.facts.path = "/a%2Fb";
  office.ledger.enter(request.admission, entry);
  auto snapshot = reloaded(2, {});
  snapshot.routes =
      RouteTable({{.hosts = {"shop.example"}, .paths = {"/"}}, {.hosts = {"shop.example"}, .paths = {"/a/b"}}});
  office.ledger.published(snapshot);
  CHECK(office.ledger.fence(1, {.epoch = 3, .sites = {other_site}, .classes = writes}).total() == 1);
}

TEST_CASE("a drain that a reload meets waits for what the new rules add, and names it") {
  Office office;
  auto write = office.enter(1, RequestClass::write);
  Request moved;
  auto entry = office.entry(moved, 1, RequestClass::write, other_site);
  office.ledger.enter(moved.admission, entry);
  CHECK(office.ledger.fence(1, {.epoch = 2, .sites = {old_site}, .classes = writes}).total() == 1);
  office.ledger.published(reloaded(3, {.owner = old_site}));
  CHECK(office.ledger.left(1).total() == 2);
  write.reset();
  CHECK(office.heard.drains.empty());
  CHECK(office.ledger.cut(1, start, false).size() == 1);
  CHECK(moved.cuts == 1);
  moved.admission.leave();
  CHECK(office.heard.drains.size() == 1);
}

TEST_CASE("only a reload judges anew, and only what older rules let in") {
  Office office;
  const auto first = reloaded(2, {.owner = other_site});
  auto before = office.enter(1, RequestClass::write);
  office.ledger.published(first);
  auto later = office.enter(2, RequestClass::write);
  auto mode_change = reloaded(3, {.owner = other_site});
  mode_change.rules_epoch = first.rules_epoch;
  office.ledger.published(mode_change);
  CHECK(office.ledger.fence(1, {.epoch = 4, .sites = {other_site}, .classes = writes}).total() == 1);
}
