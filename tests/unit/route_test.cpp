#include "proxy/core/route.h"

#include "proxy/core/snapshot.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge::core;

namespace {

constexpr auto none = RouteTable::Match::none;

}  // namespace

TEST_CASE("the most exact host wins, then the longest prefix at a segment border") {
  const RouteTable table({
      {.hosts = {"example.com"}, .paths = {"/"}},
      {.hosts = {"Example.COM."}, .paths = {"/app", "/api/v2/"}},
      {.hosts = {"*.example.com"}, .paths = {}},
      {.hosts = {"*.eu.example.com"}, .paths = {"/"}},
      {.hosts = {"only.example.com"}, .paths = {"/app"}},
      {.hosts = {}, .paths = {"/health", "/%61dmin//x/"}},
      {.hosts = {"[::1]", "10.0.0.1"}, .paths = {"/"}},
  });
  struct Row {
    std::string_view host, path;
    std::uint32_t site, prefix_bytes;
  };
  const Row rows[] = {
      {"example.com", "/", 0, 0},
      {"EXAMPLE.com", "/x", 0, 0},
      {"example.com.", "/x", 0, 0},
      {"example.com", "/app", 1, 4},
      {"example.com", "/app/", 1, 4},
      {"example.com", "/app/x/y", 1, 4},
      {"example.com", "/apple", 0, 0},
      {"example.com", "/App", 0, 0},
      {"example.com", "/api", 0, 0},
      {"example.com", "/api/v2", 1, 7},
      {"example.com", "/api/v2/x", 1, 7},
      {"example.com", "/api/v22", 0, 0},
      {"example.com", "*", 0, 0},
      {"example.com", "/health", 0, 0},
      {"a.example.com", "/app", 2, 0},
      {"a.b.example.com", "/", 2, 0},
      {"a.eu.example.com", "/", 3, 0},
      {"eu.example.com", "/", 2, 0},
      {"only.example.com", "/app/x", 4, 4},
      {"only.example.com", "/other", 2, 0},
      {"notexample.com", "/", none, 0},
      {"other.org", "/health/x", 5, 7},
      {"other.org", "/admin/x/y", 5, 8},
      {"other.org", "/", none, 0},
      {"", "/health", 5, 7},
      {".example.com", "/", none, 0},
      {"[::1]", "/", 6, 0},
      {"10.0.0.1", "/", 6, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.host);
    CAPTURE(row.path);
    const auto match = table.find(row.host, row.path);
    CHECK(match.site == row.site);
    CHECK(match.prefix_bytes == row.prefix_bytes);
  }
}

TEST_CASE("a host too long to be one belongs to the sites of any host") {
  const RouteTable table({{.hosts = {"*.example.com"}, .paths = {}}, {.hosts = {}, .paths = {}}});
  CHECK(table.find(std::string(200, 'a') + ".example.com", "/").site == 0);
  CHECK(table.find(std::string(2'000, 'a') + ".example.com", "/").site == 1);
}

TEST_CASE("a table without claims knows no site") {
  CHECK(RouteTable{}.find("example.com", "/").site == none);
  CHECK(RouteTable(std::vector<RouteTable::Claim>{}).find("example.com", "/").site == none);
}

TEST_CASE("of equal claims the first wins") {
  const RouteTable table({{.hosts = {"a.org"}, .paths = {"/x"}}, {.hosts = {"A.org"}, .paths = {"/x/"}}});
  CHECK(table.find("a.org", "/x").site == 0);
}

TEST_CASE("each of thousands of sites is found, and nothing beside them") {
  std::vector<RouteTable::Claim> claims;
  claims.reserve(2'000);
  for (int i = 0; i < 2'000; ++i) {
    claims.push_back({.hosts = {"h" + std::to_string(i % 100) + ".org"}, .paths = {"/p" + std::to_string(i)}});
  }
  const RouteTable table(claims);
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    const auto path = "/p" + std::to_string(i) + "/x";
    REQUIRE(table.find("h" + std::to_string(i % 100) + ".org", path).site == i);
    REQUIRE(table.find("h" + std::to_string((i + 1) % 100) + ".org", path).site == none);
  }
}

TEST_CASE("each of thousands of hosts is found, and none beside them") {
  std::vector<RouteTable::Claim> claims;
  claims.reserve(3'000);
  for (int i = 0; i < 3'000; ++i) claims.push_back({.hosts = {"h" + std::to_string(i) + ".org"}, .paths = {}});
  const RouteTable table(claims);
  for (std::uint32_t i = 0; i < 3'000; ++i) {
    REQUIRE(table.find("H" + std::to_string(i) + ".org", "/x").site == i);
    REQUIRE(table.find("x" + std::to_string(i) + ".org", "/x").site == none);
  }
}

TEST_CASE("what decides each request of a site lies in two lines of memory") {
  constexpr std::ptrdiff_t line = 64;
  const SiteView site;
  const auto end_of = [&](const auto& member) {
    return reinterpret_cast<const char*>(&member + 1) - reinterpret_cast<const char*>(&site);
  };
  CHECK(alignof(SiteView) == line);
  CHECK(end_of(site.id) <= line);
  CHECK(end_of(site.https_port) <= line);
  CHECK(end_of(site.wants_certificate) <= line);
  CHECK(end_of(site.pool) <= line);
  CHECK(end_of(site.rules) <= line);
  CHECK(end_of(site.split) <= 2 * line);
  CHECK(end_of(site.mode.mode) <= 2 * line);
  CHECK(end_of(site.mode.scope) <= 2 * line);
}
