#include "proxy/base/ascii.h"
#include "proxy/core/explain.h"
#include "proxy/core/plan.h"
#include "proxy/http/target.h"
#include "tests/unit/classify_cases.h"

#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::core;
using namespace drawbridge::core::testing;

namespace {

std::vector<Rule> parsed(std::span<const std::string_view> texts) {
  std::vector<Rule> rules;
  for (const auto text : texts) rules.push_back(*Rule::parse(text));
  return rules;
}

std::unique_ptr<SiteView> site(SiteId id, std::string name, Mode mode, const PoolView* pool) {
  auto view = std::make_unique<SiteView>();
  view->id = id;
  view->name = std::move(name);
  view->mode.mode = mode;
  view->pool = pool;
  return view;
}

// The snapshot that the cases speak of, in one mode.
Snapshot town(Mode mode) {
  Snapshot snapshot;
  for (const char* name : {"blue", "notice"}) {
    snapshot.pools.push_back(std::make_unique<PoolView>());
    snapshot.pools.back()->name = name;
  }
  snapshot.sites.push_back(site(0, "shop", mode, snapshot.pools[0].get()));
  snapshot.sites.push_back(site(1, "admin", mode, snapshot.pools[0].get()));
  snapshot.sites[0]->rules = {
      .read = parsed(case_read_rules), .write = parsed(case_write_rules), .exempt = parsed(case_exempt_rules)};
  snapshot.routes = RouteTable({{.hosts = {std::string(case_host)}, .paths = {"/"}},
                                {.hosts = {std::string(case_host)}, .paths = {"/admin"}}});
  return snapshot;
}

RequestFacts facts_of(const ClassifyCase& row) {
  static constexpr std::string_view names[] = {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"};
  const auto mark = row.target.find('?');
  RequestFacts facts{.method = row.method,
                     .host = case_host,
                     .path = row.target.substr(0, mark),
                     .query = mark == std::string_view::npos ? "" : row.target.substr(mark + 1)};
  for (const auto field : row.fields) {
    const auto name = field.substr(0, field.find(':'));
    for (std::size_t i = 0; i < 3; ++i) {
      if (!base::iequals(name, names[i])) continue;
      facts.override_repeated = facts.override_repeated || !facts.overrides[i].empty();
      facts.overrides[i] = base::trim(field.substr(name.size() + 1));
    }
    facts.upgrade = facts.upgrade || name == "Upgrade";
  }
  return facts;
}

template <class Check>
std::size_t for_each_case(Check&& check) {
  std::size_t count = 0;
  for (const auto rows :
       {std::span<const ClassifyCase>(by_method), std::span<const ClassifyCase>(by_rule),
        std::span<const ClassifyCase>(by_normal_form), std::span<const ClassifyCase>(by_reading),
        std::span<const ClassifyCase>(by_override), std::span<const ClassifyCase>(by_tunnel_or_exemption)}) {
    for (const auto& row : rows) {
      CAPTURE(row.method);
      CAPTURE(row.target);
      CAPTURE(row.fields[0]);
      check(row, facts_of(row));
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("each request has the class, the reason and the answer in readonly that the table says") {
  const auto snapshot = town(Mode::readonly);
  const auto count = for_each_case([&](const ClassifyCase& row, const RequestFacts& facts) {
    const auto plan = decide(snapshot, facts);
    CHECK(name(plan.verdict) == name(row.readonly));
    CHECK(name(plan.why) == name(row.why));
    CHECK((plan.pool != nullptr) == (row.readonly == Verdict::forward));
    if (row.readonly != Verdict::ambiguous) CHECK(name(plan.request_class) == name(row.request_class));
  });
  CHECK(count >= 120);
}

TEST_CASE("each row of the table can be sent as a request") {
  for_each_case([&](const ClassifyCase& row, const RequestFacts& facts) {
    const auto text = std::string(row.method) + " " + std::string(row.target) + " HTTP/1.1";
    http::RequestLine line;
    REQUIRE_FALSE(http::parse_request_line(text, line).has_value());
    CHECK(line.path == facts.path);
    CHECK(line.query == facts.query);
  });
}

TEST_CASE("in live all is forwarded but what is ambiguous, in maintenance nothing but what is exempt") {
  const auto live = town(Mode::live);
  const auto maintenance = town(Mode::maintenance);
  for_each_case([&](const ClassifyCase& row, const RequestFacts& facts) {
    const bool ambiguous = row.readonly == Verdict::ambiguous;
    CHECK(decide(live, facts).verdict == (ambiguous ? Verdict::ambiguous : Verdict::forward));
    const auto shut = row.why == Why::exempt_rule ? Verdict::forward : Verdict::refuse;
    CHECK(decide(maintenance, facts).verdict == (ambiguous ? Verdict::ambiguous : shut));
  });
}

TEST_CASE("a hold parks what readonly refuses, or all, but never what is exempt") {
  auto writes = town(Mode::hold);
  auto all = town(Mode::hold);
  for (auto& view : all.sites) view->mode.scope = HoldScope::all;
  for_each_case([&](const ClassifyCase& row, const RequestFacts& facts) {
    const auto held = row.readonly == Verdict::refuse ? Verdict::park : row.readonly;
    CHECK(decide(writes, facts).verdict == held);
    const bool passes = row.why == Why::exempt_rule || row.readonly == Verdict::ambiguous;
    CHECK(decide(all, facts).verdict == (passes ? row.readonly : Verdict::park));
  });
}

TEST_CASE("a notice pool gets in maintenance what is not exempt") {
  auto snapshot = town(Mode::maintenance);
  snapshot.sites[0]->notice = snapshot.pools[1].get();
  const auto refused = decide(snapshot, {.method = "POST", .host = case_host, .path = "/orders"});
  CHECK(refused.verdict == Verdict::forward);
  CHECK(refused.pool->name == "notice");
  CHECK(refused.notice);
  const auto exempt = decide(snapshot, {.method = "POST", .host = case_host, .path = "/devices/1"});
  CHECK(exempt.pool->name == "blue");
  CHECK_FALSE(exempt.notice);
}

TEST_CASE("a tunnel may be told to go unless a read or an exempt rule names it") {
  const auto snapshot = town(Mode::live);
  const auto told = [&](std::string_view path) {
    RequestFacts facts{.method = "GET", .host = case_host, .path = path};
    facts.upgrade = true;
    return decide(snapshot, facts).told_to_go;
  };
  CHECK(told("/ws"));
  CHECK_FALSE(told("/live/x"));
  CHECK_FALSE(told("/devices/x"));
  CHECK(told("/logout"));
}

TEST_CASE("a host that no site claims has no site") {
  const auto snapshot = town(Mode::live);
  const auto plan = decide(snapshot, {.method = "GET", .host = "other.example", .path = "/"});
  CHECK(plan.verdict == Verdict::no_site);
  CHECK(plan.why == Why::no_site);
  CHECK(plan.site == nullptr);
}

TEST_CASE("many overrides are as strict as one that nobody knows") {
  const auto snapshot = town(Mode::readonly);
  std::string query;
  for (int i = 0; i < 40; ++i) query += "_method=GET&";
  const RequestFacts facts{.method = "GET", .host = case_host, .path = "/x", .query = query};
  CHECK(decide(snapshot, facts).verdict == Verdict::refuse);
}

TEST_CASE("an explanation says what the decision says, and why") {
  const auto snapshot = town(Mode::readonly);
  for_each_case([&](const ClassifyCase& row, const RequestFacts& facts) {
    const auto told = explain(snapshot, facts);
    CHECK(told.verdict == row.readonly);
    CHECK(told.why == row.why);
    CHECK_FALSE(told.sentence.empty());
    CHECK(told.readings.front() == told.normal_form);
  });
}

TEST_CASE("an explanation names site, mode, rule, pool and what makes a path doubtful") {
  const auto snapshot = town(Mode::readonly);
  const auto facts = [](std::string_view method, std::string_view path) {
    return RequestFacts{.method = method, .host = case_host, .path = path};
  };
  const auto login = explain(snapshot, facts("POST", "/x/%2e%2e/login"));
  CHECK(login.site == "shop");
  CHECK(login.mode == Mode::readonly);
  CHECK(login.rule == "POST /login");
  CHECK(login.pool == "blue");
  CHECK(login.normal_form == "/login");
  CHECK(login.sentence == "A read, because the read rule \"POST /login\" names it. Forwarded to pool blue.");

  const auto doubtful = explain(snapshot, facts("POST", "/search/%00"));
  CHECK(doubtful.doubt == "NUL");
  CHECK(doubtful.sentence ==
        "A write, because POST is not GET, HEAD or OPTIONS. Refused by mode readonly: no server sees it. Read "
        "rules do "
        "not speak of this path: NUL.");

  const auto device = explain(snapshot, facts("POST", "/devices/1"));
  CHECK(device.class_why == Why::method);
  CHECK(device.sentence ==
        "A write, because POST is not GET, HEAD or OPTIONS. Forwarded to pool blue, because the exempt rule \"* "
        "/devices/**\" names it.");

  const auto nowhere = explain(snapshot, {.method = "GET", .host = "other.example", .path = "/"});
  CHECK(nowhere.site.empty());
  CHECK(nowhere.sentence == "Answered 404: no site claims this host and path.");
}
