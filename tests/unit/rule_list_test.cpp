#include "proxy/core/rule_list.h"

#include "proxy/core/methods.h"
#include "proxy/core/readings.h"

#include <doctest/doctest.h>

#include <array>
#include <string_view>
#include <vector>

using namespace drawbridge::core;

namespace {

// Rules whose first bytes tell nothing, little, or all, and some that differ only behind their eighth byte.
constexpr std::string_view rules_of_all_lengths[] = {
    "GET /",        "* /a",           "POST /b/*",     "GET /**/end",       "PUT /cart0/*/add",
    "GET /cart1/x", "* /cartoons/**", "GET /cartoon*", "POST /search/**",   "GET /search/deep/*",
    "* /a/**/b",    "GET /é",         "DELETE /ab",    "GET /abcdefgh/one", "GET /abcdefgh/two",
};

constexpr std::string_view paths[] = {
    "/",           "/a",          "/a/",           "/a/b",          "/a/x/b",        "/b/1",
    "/ab",         "/x/y/end",    "/cart0/7/add",  "/cart0/add",    "/cart1/x",      "/cart1/%78",
    "/cartoons",   "/cartoons/1", "/cartoonish",   "/search",       "/search/deep",  "/search/deep/1",
    "/%73earch/x", "/%C3%A9",     "/abcdefgh/one", "/abcdefgh/two", "/abcdefgh",     "/bytes/128",
    "/c;v=1art",   "*",           "/b/../a",       "/%2e%2e/a",     "/cart1%2fx",    "/abcdefgh\\two",
    "/a%252fb",    "//a//b",      "/b;x/1",        "/search;/x",    "/searc%68/;/1", "/cart1/x%00y",
};

}  // namespace

TEST_CASE("a list finds the rule that asking each one finds") {
  std::vector<Rule> rules;
  for (const auto text : rules_of_all_lengths) rules.push_back(Rule::parse(text).value());
  for (const auto path : paths) {
    const Readings readings(path);
    for (const std::string_view method : {"GET", "HEAD", "POST", "PUT", "DELETE", "get"}) {
      CAPTURE(path);
      CAPTURE(method);
      const std::array methods{method};
      // Each rule alone, so that an earlier one hides none.
      for (const auto& rule : rules) {
        CAPTURE(rule.text());
        const RuleList alone(std::vector<Rule>{rule});
        CHECK((alone.find_any(methods, readings) != nullptr) == rule.matches_any(methods, readings));
        CHECK((alone.find_all(methods, readings) != nullptr) == rule.matches_all(methods, readings));
      }
    }
  }
}

TEST_CASE("of several rules that match the first written is found") {
  std::vector<Rule> rules;
  for (const auto text : {"POST /other", "GET /shop/**", "* /shop/cart"})
    rules.push_back(Rule::parse(text).value());
  const RuleList list(std::move(rules));
  const Readings readings("/shop/cart");
  const std::array<std::string_view, 1> methods{"GET"};
  REQUIRE(list.find_any(methods, readings) != nullptr);
  CHECK(list.find_any(methods, readings)->text() == "GET /shop/**");
  CHECK(list.find_all(methods, readings)->text() == "GET /shop/**");
}

TEST_CASE("an empty list finds nothing") {
  const RuleList none;
  const std::array<std::string_view, 1> methods{"GET"};
  CHECK(none.empty());
  CHECK(none.find_any(methods, Readings("/a%2fb")) == nullptr);
  CHECK(none.find_all(methods, Readings("/")) == nullptr);
}
