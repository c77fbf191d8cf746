#include "proxy/core/rule.h"

#include "proxy/core/readings.h"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <string_view>

using namespace drawbridge::core;

namespace {

bool any(std::string_view rule, std::string_view method, std::string_view path) {
  return Rule::parse(rule)->matches_any({&method, 1}, Readings(path));
}

bool all(std::string_view rule, std::string_view method, std::string_view path) {
  return Rule::parse(rule)->matches_all({&method, 1}, Readings(path));
}

// The meaning of a glob, spelled out: exponential, but nobody doubts it.
bool slow_match(std::string_view pattern, std::string_view path, bool after_slash = false) {
  if (pattern.empty()) return path.empty();
  if (!pattern.starts_with('*')) {
    if (path.empty() || path[0] != pattern[0]) return false;
    return slow_match(pattern.substr(1), path.substr(1), pattern[0] == '/');
  }
  const bool deep = pattern.starts_with("**");
  const auto rest = pattern.substr(deep ? 2 : 1);
  if (deep && after_slash && rest.starts_with('/') && slow_match(rest.substr(1), path, true)) return true;
  for (std::size_t n = 0; n <= path.size(); ++n) {
    if (slow_match(rest, path.substr(n))) return true;
    if (!deep && n < path.size() && path[n] == '/') return false;
  }
  return false;
}

}  // namespace

TEST_CASE("a glob matches whole paths, one star inside a segment and two across") {
  struct Row {
    std::string_view glob, path;
    bool matches;
  };
  const Row rows[] = {
      {"/login", "/login", true},
      {"/login", "/login/", false},
      {"/login", "/Login", false},
      {"/login", "/login2", false},
      {"/*", "/", true},
      {"/*", "/a", true},
      {"/*", "/a/b", false},
      {"/**", "/", true},
      {"**", "/a/b", true},
      {"/**", "/a/b/c", true},
      {"/search/**", "/search/", true},
      {"/search/**", "/search/a/b", true},
      {"/search/**", "/search", false},
      {"/search**", "/search", true},
      {"/search**", "/search/x", true},
      {"/auth/*/callback", "/auth/x/callback", true},
      {"/auth/*/callback", "/auth//callback", true},
      {"/auth/*/callback", "/auth/callback", false},
      {"/auth/*/callback", "/auth/x/y/callback", false},
      {"/a/**/b", "/a/b", true},
      {"/a/**/b", "/a/x/b", true},
      {"/a/**/b", "/a/x/y/b", true},
      {"/a/**/b", "/a/xb", false},
      {"/a/**/b", "/ab", false},
      {"/a**/b", "/a/b", true},
      {"/a**/b", "/axb", false},
      {"/**/b", "/b", true},
      {"/**/b", "/x/b", true},
      {"/**/b/**", "/b/", true},
      {"/**/b/**", "/b", false},
      {"/**/b/**", "/x/b/y", true},
      {"/**/*.json", "/a.json", true},
      {"/**/*.json", "/x/y/a.json", true},
      {"/**/*.json", "/x/y.json/a", false},
      {"/*-*/x", "/a-b-c/x", true},
      {"/*-*/x", "/ab/x", false},
      {"/v*/orders", "/v2/orders", true},
      {"/v*/orders", "/v2/x/orders", false},
      {"/é", "/%C3%A9", true},
      {"/%c3%a9", "/%C3%A9", true},
      {"/%61%40", "/a@", true},
      {"/a%2a", "/ab", false},
      {"/a%2a", "/a%2A", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.glob);
    CAPTURE(row.path);
    CHECK(Glob::parse(row.glob)->matches(row.path) == row.matches);
  }
}

TEST_CASE("random globs mean what they mean spelled out") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto text = [&](std::string_view letters, std::size_t size_max) {
    std::string out = "/";
    for (auto n = random() % size_max; n > 0; --n) out += letters[random() % letters.size()];
    return out;
  };
  int matched = 0;
  for (int i = 0; i < 40'000; ++i) {
    const auto pattern = text("ab/***", 9);
    const auto path = text("aab/", 9);
    const auto glob = Glob::parse(pattern);
    if (!glob) continue;
    CAPTURE(pattern);
    CAPTURE(path);
    const bool wanted = slow_match(pattern, path);
    matched += wanted ? 1 : 0;
    REQUIRE(glob->matches(path) == wanted);
  }
  CHECK(matched > 1'000);
}

TEST_CASE("a long pattern matches like a short one") {
  const std::string literal(100, 'x');
  const auto glob = Glob::parse("/*" + literal + "**" + literal + "*/b");
  REQUIRE(glob.has_value());
  CHECK(glob->matches("/a" + literal + "/y/" + literal + "/b"));
  CHECK_FALSE(glob->matches("/a" + literal + "/y/" + literal + "/c"));
  CHECK_FALSE(glob->matches("/a/" + literal + "/y/" + literal + "/b"));
}

TEST_CASE("an ambiguous pattern costs no more than its length on a path made to stall it") {
  const auto glob = Glob::parse("/**a*a**a*a**a*a**a*b/x");
  const std::string path = "/" + std::string(30'000, 'a') + "/x";
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(glob->matches(path));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

TEST_CASE("a rule asks for its method, in capitals, or for any") {
  CHECK(any("POST /x", "POST", "/x"));
  CHECK_FALSE(any("POST /x", "GET", "/x"));
  CHECK_FALSE(any("POST /x", "post", "/x"));
  CHECK(any("* /x", "BREW", "/x"));
  CHECK(all("POST \t /x", "POST", "/x"));
}

TEST_CASE("a rule that gives permission wants each reading, one that takes it wants any") {
  CHECK(all("POST /search/**", "POST", "/search/x"));
  CHECK(all("POST /search/**", "POST", "//search/./a%2Fb"));
  CHECK(all("POST /search/**", "POST", "/search/caf%c3%a9%20x"));
  CHECK_FALSE(all("POST /search/*", "POST", "/search/a%2Fb"));
  CHECK_FALSE(all("POST /search/**", "POST", "/search/..%2Forders"));
  CHECK_FALSE(all("POST /search/**", "POST", "/search/..;/orders"));
  CHECK_FALSE(all("POST /search/**", "POST", "/search;x/y"));
  CHECK_FALSE(all("POST /search/**", "POST", "/search/%00"));
  CHECK_FALSE(all("POST /search/**", "POST", "/../search/x"));
  CHECK(any("GET /logout", "GET", "/x%2F..%2Flogout"));
  CHECK(any("GET /logout", "GET", "/logout;x=1"));
  CHECK(any("GET /logout", "GET", "/%6cogout"));
  CHECK(any("GET /logout", "GET", "/logout%00.png"));
  CHECK(any("GET /logout", "GET", "/../logout"));
  CHECK_FALSE(any("GET /logout", "GET", "/logout/x"));
}

TEST_CASE("with several methods a permission wants each, and what overrides compares without case") {
  const std::string_view both[] = {"POST", "delete"};
  const Readings readings("/x");
  CHECK(Rule::parse("DELETE /x")->matches_any(both, readings));
  CHECK(Rule::parse("POST /x")->matches_any(both, readings));
  CHECK_FALSE(Rule::parse("POST /x")->matches_all(both, readings));
  CHECK(Rule::parse("* /x")->matches_all(both, readings));
}

TEST_CASE("a rule that cannot work is refused with the reason") {
  struct Row {
    std::string_view text, says;
  };
  const Row rows[] = {
      {"", "write a method and a path"},
      {"/login", "such as \"* /login\""},
      {"POST", "such as \"POST /search/**\""},
      {"post /login", "write POST"},
      {"PO,ST /login", "is not a method"},
      {"POST login", "begins with '/'"},
      {"POST /a b", "write %20"},
      {"POST /a?x=1", "not the query"},
      {"POST /a/../b", "'..' segments"},
      {"POST /a/.", "'.'"},
      {"POST /a//b", "empty"},
      {"POST /%2e%2e/b", "'..' segments"},
      {"POST /a***", "'***'"},
      {"POST /100%", "write %25"},
      {"POST /{id}", "write %7B"},
      {"POST /a\\b", "write %5C"},
      {"POST", "is not a rule"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto rule = Rule::parse(row.text);
    REQUIRE_FALSE(rule.has_value());
    CAPTURE(rule.error().message);
    CHECK(rule.error().message.find(row.says) != std::string::npos);
  }
  CHECK_FALSE(Rule::parse("POST /" + std::string(Glob::bytes_max, 'x')).has_value());
  CHECK(Rule::parse("POST   /x ")->text() == "POST /x");
}
