#include "proxy/http/rules.h"

#include "tests/wire/accepted_request_cases.h"
#include "tests/wire/chunked_cases.h"
#include "tests/wire/refused_framing_cases.h"
#include "tests/wire/refused_request_cases.h"
#include "tests/wire/response_cases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

using namespace drawbridge;

namespace {

using Tables = std::vector<const std::vector<wire::WireCase>*>;

Tables refusing() {
  return {&wire::refused_lines_and_fields, &wire::refused_request_lines, &wire::refused_hosts,
          &wire::refused_framings,         &wire::refused_responses,     &wire::refused_chunks};
}

Tables accepting() {
  return {&wire::accepted_requests, &wire::accepted_responses, &wire::accepted_chunks};
}

}  // namespace

TEST_CASE("every rule of the table that HTTP/1 has is broken by at least one row") {
  std::set<std::string> broken;
  for (const auto* table : refusing()) {
    for (const auto& row : *table) broken.insert(row.expected);
  }
  for (const auto& rule : http::rules) {
    CAPTURE(rule.name);
    if (!rule.name.starts_with("h2_")) CHECK(broken.erase(std::string(rule.name)) == 1);
    CHECK_FALSE(rule.section.empty());
    CHECK_FALSE(rule.why.empty());
    CHECK(rule.status >= 400);
  }
  CHECK(broken.empty());
}

TEST_CASE("the tables hold at least 250 rows, each with its own name and its reason") {
  std::size_t rows = 0;
  for (const auto& tables : {refusing(), accepting()}) {
    for (const auto* table : tables) {
      std::set<std::string> names;
      for (const auto& row : *table) {
        CAPTURE(row.name);
        CHECK(names.insert(row.name).second);
        CHECK_FALSE(row.why.empty());
      }
      rows += table->size();
    }
  }
  CHECK(rows >= 250);
}

TEST_CASE("docs/HTTP.md shows the table as it is") {
  std::ifstream file(DRAWBRIDGE_DOCS "/HTTP.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& rule : http::rules) {
    const auto row = fmt::format("| `{}` | {} | {} | {} |\n", rule.name, rule.status, rule.section, rule.why);
    CAPTURE(row);
    CHECK(text.contains(row));
  }
}
