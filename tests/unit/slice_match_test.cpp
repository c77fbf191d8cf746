#include "proxy/core/slice_match.h"

#include "proxy/core/bucket.h"
#include "proxy/core/readings.h"
#include "tests/unit/slice_town.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::core;
using namespace drawbridge::core::testing;

namespace {

char fit(std::string_view text, const Asked& asked) {
  switch (match(text).fits(asked.facts(), Readings(asked.head.path))) {
    case SliceMatch::Fit::no:
      return 'n';
    case SliceMatch::Fit::yes:
      return 'y';
    case SliceMatch::Fit::maybe:
      return '?';
  }
  return 0;
}

}  // namespace

TEST_CASE("a match is shown in one form, and is the same slice by its key") {
  struct Row {
    std::string_view given, shown, key;
  };
  for (const Row& row : {
           Row{"header:X-Tenant=acme", "header:X-Tenant=acme", "header:x-tenant=acme"},
           Row{" header: X-TENANT = acme ", "header:X-TENANT=acme", "header:x-tenant=acme"},
           Row{"header:X-Tenant=a=b", "header:X-Tenant=a=b", "header:x-tenant=a=b"},
           Row{"cookie:tenant=acme", "cookie:tenant=acme", "cookie:tenant=acme"},
           Row{"cookie:tenant=\"acme\"", "cookie:tenant=acme", "cookie:tenant=acme"},
           Row{"host:ACME.example.com.", "host:acme.example.com", "host:acme.example.com"},
           Row{"host:*.eu.example.com", "host:*.eu.example.com", "host:*.eu.example.com"},
           Row{"path:/eu", "path:/eu", "path:/eu"},
           Row{"path:/eu/", "path:/eu", "path:/eu"},
           Row{"path:/eu/**", "path:/eu/**", "path:/eu/**"},
           Row{"path:/%65u/*/cart", "path:/eu/*/cart", "path:/eu/*/cart"},
           Row{"percent:10", "percent:10 by address", "percent by address"},
           Row{"percent:10%  by  cookie:sid", "percent:10 by cookie:sid", "percent by cookie:sid"},
           Row{"percent:2.50 by address", "percent:2.5 by address", "percent by address"},
           Row{"percent:0.05", "percent:0.05 by address", "percent by address"},
       }) {
    CAPTURE(row.given);
    const auto parsed = match(row.given);
    CHECK(parsed.text() == row.shown);
    CHECK(parsed.key() == row.key);
    CHECK(match(parsed.text()).key() == parsed.key());
    CHECK(match(parsed.text()).text() == parsed.text());
  }
}

TEST_CASE("a match that cannot mean what it says is refused") {
  for (const std::string_view text : {"",
                                      "acme",
                                      "tenant:acme",
                                      "header:",
                                      "header:X-Tenant",
                                      "header:X-Tenant=",
                                      "header:=acme",
                                      "header:X Tenant=a",
                                      "header:Host=acme.example",
                                      "header:Cookie=a",
                                      "header:Content-Length=5",
                                      "header:X-Forwarded-For=1",
                                      "cookie:tenant",
                                      "cookie:tenant=",
                                      "cookie:te nant=a",
                                      "cookie:tenant=a;b=c",
                                      "cookie:tenant=\"\"",
                                      "host:",
                                      "host:*",
                                      "host:*.",
                                      "host:acme.example:8080",
                                      "host:a..b",
                                      "host:*.*.b",
                                      "host:a/b",
                                      "path:",
                                      "path:eu",
                                      "path:/",
                                      "path:/**",
                                      "path:**",
                                      "path:/eu/../us",
                                      "path:/eu?x",
                                      "path:/eu//x",
                                      "percent:",
                                      "percent:0",
                                      "percent:101",
                                      "percent:-1",
                                      "percent:1.234",
                                      "percent:ten",
                                      "percent:10 by",
                                      "percent:10 by moon",
                                      "percent:10 by cookie:",
                                      "percent:10 cookie",
                                      "percent:1e1",
                                      "percent:100.01",
                                      "header:X-Tenant=a\nb"}) {
    CAPTURE(text);
    CHECK_FALSE(SliceMatch::parse(text).has_value());
  }
  CHECK_FALSE(SliceMatch::parse("header:X-Tenant=" + std::string(300, 'a')).has_value());
}

TEST_CASE("a field says whose a request is; several words are no word") {
  struct Row {
    std::vector<std::string> fields;
    char fits;
  };
  for (const Row& row : {
           Row{{}, 'n'},
           Row{{"X-Tenant: acme"}, 'y'},
           Row{{"x-tenant:   acme  "}, 'y'},
           Row{{"X-Tenant: ACME"}, 'n'},
           Row{{"X-Tenant: acme2"}, 'n'},
           Row{{"X-Tenant:"}, 'n'},
           Row{{"X-Tenants: acme"}, 'n'},
           Row{{"X-Tenant: acme", "X-Tenant: acme"}, 'y'},
           Row{{"X-Tenant: acme", "X-Tenant: other"}, '?'},
           Row{{"X-Tenant: other", "X-Tenant: acme"}, '?'},
           Row{{"X-Tenant: other", "X-Tenant: another"}, 'n'},
           Row{{"X-Tenant: acme, other"}, '?'},
           Row{{"X-Tenant: other,acme"}, '?'},
           Row{{"X-Tenant: acme", "X-Tenant:"}, '?'},
           Row{{"X_Tenant: acme"}, '?'},
           Row{{"X-Tenant: acme", "X_Tenant: other"}, '?'},
           Row{{"X-Tenant: other", "X_Tenant: acme"}, '?'},
           Row{{"X_Tenant: other"}, 'n'},
           Row{{"X-Tenant: acme", "Connection: X-Tenant"}, 'n'},
       }) {
    const Asked asked("POST", "/orders", row.fields);
    CAPTURE(row.fields.size());
    if (!row.fields.empty()) CAPTURE(row.fields.back());
    CHECK(fit("header:X-Tenant=acme", asked) == row.fits);
  }
  CHECK(fit("header:X-Tenant=acme, inc", Asked("GET", "/", {"X-Tenant: acme, inc"})) == 'y');
}

TEST_CASE("a cookie is found among others, on any line, with or without quotes") {
  struct Row {
    std::vector<std::string> fields;
    char fits;
  };
  for (const Row& row : {
           Row{{}, 'n'},
           Row{{"Cookie: tenant=acme"}, 'y'},
           Row{{"Cookie: a=1; tenant=acme; b=2"}, 'y'},
           Row{{"Cookie: a=1;tenant=acme"}, 'y'},
           Row{{"Cookie: a=1", "Cookie: tenant=acme"}, 'y'},
           Row{{"Cookie: tenant=\"acme\""}, 'y'},
           Row{{"Cookie: tenant = acme"}, 'y'},
           Row{{"Cookie: Tenant=acme"}, 'n'},
           Row{{"Cookie: tenant=acme2"}, 'n'},
           Row{{"Cookie: mytenant=acme"}, 'n'},
           Row{{"Cookie: tenant"}, 'n'},
           Row{{"Cookie: tenant="}, 'n'},
           Row{{"Cookie: x=tenant=acme"}, 'n'},
           Row{{"Cookie: tenant=acme; tenant=acme"}, 'y'},
           Row{{"Cookie: tenant=acme; tenant=other"}, '?'},
           Row{{"Cookie: tenant=other", "Cookie: tenant=acme"}, '?'},
           Row{{"X-Cookie: tenant=acme"}, 'n'},
       }) {
    const Asked asked("POST", "/orders", row.fields);
    if (!row.fields.empty()) CAPTURE(row.fields.back());
    CHECK(fit("cookie:tenant=acme", asked) == row.fits);
  }
}

TEST_CASE("a host matches without case, port and dot, a wildcard what lies below it") {
  struct Row {
    std::string_view match, host;
    char fits;
  };
  for (const Row& row : {
           Row{"host:acme.example.com", "acme.example.com", 'y'},
           Row{"host:acme.example.com", "ACME.example.com:8080", 'y'},
           Row{"host:acme.example.com", "acme.example.com.", 'y'},
           Row{"host:acme.example.com", "xacme.example.com", 'n'},
           Row{"host:*.eu.example.com", "acme.eu.example.com", 'y'},
           Row{"host:*.eu.example.com", "a.b.eu.example.com", 'y'},
           Row{"host:*.eu.example.com", "eu.example.com", 'n'},
           Row{"host:*.eu.example.com", "neu.example.com", 'n'},
           Row{"host:[2001:db8::1]", "[2001:db8::1]", 'y'},
       }) {
    CAPTURE(row.match);
    CAPTURE(row.host);
    CHECK(fit(row.match, Asked("GET", "/", {}, row.host)) == row.fits);
  }
}

TEST_CASE("a path matches in every way a server may read it, or it is nobody's") {
  struct Row {
    std::string_view match, target;
    char fits;
  };
  for (const Row& row : {
           Row{"path:/eu", "/eu", 'y'},
           Row{"path:/eu", "/eu/", 'y'},
           Row{"path:/eu", "/eu/x/y", 'y'},
           Row{"path:/eu", "/eux", 'n'},
           Row{"path:/eu", "/EU", 'n'},
           Row{"path:/eu", "/us/eu", 'n'},
           Row{"path:/eu", "/eu?x=1", 'y'},
           Row{"path:/eu", "/us?/eu", 'n'},
           Row{"path:/eu", "//eu/x", 'y'},
           Row{"path:/eu", "/us/../eu/x", 'y'},
           Row{"path:/eu", "/eu/../us", 'n'},
           Row{"path:/eu", "/%65u/x", 'y'},
           Row{"path:/eu", "/eu%2fx", '?'},
           Row{"path:/eu", "/us/..%2feu/x", '?'},
           Row{"path:/eu", "/eu/..%2fus", '?'},
           Row{"path:/eu", "/eu;v=1/x", '?'},
           Row{"path:/eu", "/eu/a;v=1/x", 'y'},
           Row{"path:/eu", "/us/a%2fb", 'n'},
           Row{"path:/eu", "/eu/a%2fb", 'y'},
           Row{"path:/eu", "/%2565u/x", '?'},
           Row{"path:/eu", "/../eu", '?'},
           Row{"path:/eu", "/us/%00", '?'},
           Row{"path:/eu/**", "/eu", 'n'},
           Row{"path:/eu/**", "/eu/x/y", 'y'},
           Row{"path:/*/cart", "/eu/cart", 'y'},
           Row{"path:/*/cart", "/eu/x/cart", 'n'},
           Row{"path:/*/cart", "/eu%2fx/cart", '?'},
       }) {
    CAPTURE(row.match);
    CAPTURE(row.target);
    CHECK(fit(row.match, Asked("POST", row.target)) == row.fits);
  }
  CHECK(fit("path:/eu", Asked("OPTIONS", "*")) == 'n');
}

TEST_CASE("a client stays on its side while the percentage grows, and the share is what it says") {
  constexpr int clients = 20'000;
  const std::string_view steps[] = {"percent:1 by cookie:sid", "percent:10 by cookie:sid",
                                    "percent:25 by cookie:sid", "percent:99.99 by cookie:sid",
                                    "percent:100 by cookie:sid"};
  int inside[5] = {};
  for (int i = 0; i < clients; ++i) {
    const Asked asked("POST", "/", {fmt::format("Cookie: sid=client-{}", i)});
    bool before = false;
    for (std::size_t step = 0; step < std::size(steps); ++step) {
      const bool in = fit(steps[step], asked) == 'y';
      CHECK((in || !before));
      before = in;
      inside[step] += in ? 1 : 0;
    }
    CHECK(before);
  }
  CHECK(inside[0] > clients / 100 / 2);
  CHECK(inside[0] < clients / 100 * 2);
  CHECK(inside[1] > clients / 10 * 9 / 10);
  CHECK(inside[1] < clients / 10 * 11 / 10);
  CHECK(inside[2] > clients / 4 * 9 / 10);
  CHECK(inside[2] < clients / 4 * 11 / 10);
}

TEST_CASE("the hash is the same for ever: clients must not change sides with an update") {
  // The test vectors of XXH64: ef46db3751d8e999 and 44bc2cf5ad770999.
  CHECK(bucket_of("") == 0xef46'db37'51d8'e999U % bucket_count);
  CHECK(bucket_of("abc") == 0x44bc'2cf5'ad77'0999U % bucket_count);
  CHECK(bucket_of(*http::parse_ip("192.0.2.1")) == bucket_of(*http::parse_ip("::ffff:192.0.2.1")));
  CHECK(bucket_of(*http::parse_ip("192.0.2.1")) != bucket_of(*http::parse_ip("192.0.2.2")));
  CHECK(bucket_of(*http::parse_ip("2001:db8::1")) == bucket_of(*http::parse_ip("2001:db8::ffff:1")));
  CHECK(bucket_of(*http::parse_ip("2001:db8::1")) != bucket_of(*http::parse_ip("2001:db8:0:1::1")));
}

TEST_CASE("a client without the cookie counts by its address, one with two of them by the first") {
  int inside = 0;
  for (int i = 0; i < 256; ++i) {
    const auto from = fmt::format("198.51.100.{}", i);
    const Asked bare("POST", "/", {}, "shop.example", from);
    const Asked empty("POST", "/", {"Cookie: sid="}, "shop.example", from);
    const Asked two("POST", "/", {fmt::format("Cookie: sid=a{}; sid=b{}", i, i)}, "shop.example", from);
    CHECK(fit("percent:30 by cookie:sid", bare) == fit("percent:30 by address", bare));
    CHECK(fit("percent:30 by cookie:sid", empty) == fit("percent:30 by address", bare));
    inside += fit("percent:30", bare) == 'y' ? 1 : 0;
    const Asked one("POST", "/", {fmt::format("Cookie: sid=a{}", i)});
    CHECK(fit("percent:30 by cookie:sid", two) == fit("percent:30 by cookie:sid", one));
  }
  CHECK(inside > 40);
  CHECK(inside < 120);
}

TEST_CASE("matches that cannot meet are told from those that can") {
  struct Row {
    std::string_view a, b;
    bool meet;
  };
  for (const Row& row : {
           Row{"header:X-Tenant=acme", "header:x-tenant=other", false},
           Row{"header:X-Tenant=acme", "header:X-Region=eu", true},
           Row{"cookie:t=a", "cookie:t=b", false},
           Row{"cookie:t=a", "cookie:T=b", true},
           Row{"header:X-Tenant=acme", "cookie:tenant=other", true},
           Row{"host:a.example.com", "host:b.example.com", false},
           Row{"host:a.example.com", "host:*.example.com", true},
           Row{"host:example.com", "host:*.example.com", false},
           Row{"host:*.eu.example.com", "host:*.example.com", true},
           Row{"host:*.eu.example.com", "host:*.us.example.com", false},
           Row{"path:/eu", "path:/us", false},
           Row{"path:/eu", "path:/europe", false},
           Row{"path:/eu", "path:/eu/shop", true},
           Row{"path:/eu/**", "path:/eu", true},
           Row{"path:/*/cart", "path:/eu", true},
           Row{"path:/eu/*", "path:/us/*", false},
       }) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(match(row.a).may_overlap(match(row.b)) == row.meet);
    CHECK(match(row.b).may_overlap(match(row.a)) == row.meet);
  }
}

TEST_CASE("a match outside of what the site serves is known") {
  const std::vector<std::string> hosts{"shop.example", "*.shop.example"};
  CHECK(match("host:acme.shop.example").may_be_of(hosts, {}));
  CHECK(match("host:*.eu.shop.example").may_be_of(hosts, {}));
  CHECK_FALSE(match("host:acme.example").may_be_of(hosts, {}));
  CHECK(match("host:acme.example").may_be_of({}, {}));
  CHECK(match("path:/shop/eu").may_be_of(hosts, {"/shop/"}));
  CHECK(match("path:/shop").may_be_of(hosts, {"/shop/eu"}));
  CHECK(match("path:/*/eu").may_be_of(hosts, {"/shop"}));
  CHECK(match("path:/shop").may_be_of(hosts, {"/shop"}));
  CHECK(match("path:/eu").may_be_of(hosts, {"/"}));
  CHECK_FALSE(match("path:/shopping").may_be_of(hosts, {"/shop"}));
  CHECK_FALSE(match("path:/eu").may_be_of(hosts, {"/us", "/shop"}));
}
