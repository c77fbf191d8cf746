// What several lines of a configuration say together.

#include "tests/unit/config_texts.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace drawbridge::config;
using drawbridge::tests::accepted;
using drawbridge::tests::refused;
using drawbridge::tests::smallest_config;
using std::chrono::milliseconds;

TEST_CASE("what no line says alone is told beside a line that is wrong") {
  const auto unknown = refused("foo = 1\n[site.zoo]\n# any host too\npool = \"blue\"\n");
  CHECK(unknown.contains("test.toml:7:1: error: unknown key 'foo' in [site.web]"));
  CHECK(unknown.contains(
      "test.toml:8:1: error: site.zoo.paths: any host with path / belongs to the site 'web' already"));
  CHECK(unknown.contains("test.toml: 2 errors\n"));

  const auto unreadable = refused("strip_prefix = yes\ndrain = { timeout = \"2s\", tunnel_spread = \"3s\" }\n");
  CHECK(unreadable.contains("test.toml:7:16: error"));
  CHECK(unreadable.contains("test.toml:8:43: error: 'tunnel_spread' (3s) is longer than 'timeout' (2s)"));
  CHECK(unreadable.contains("test.toml: 2 errors\n"));
}

TEST_CASE("what may have stood in a line that cannot be read is not missed") {
  CHECK(refused("maintenance = { pool = \"notice\" }\n[pool.notice\nservers = [\"127.0.0.1:1\"]\n")
            .contains("test.toml: 1 error\n"));
  CHECK(refused("[site.two]\nhosts = [yes]\npool = \"blue\"\n").contains("test.toml: 1 error\n"));
}

TEST_CASE("a default follows the bound that is written") {
  const auto config = accepted(std::string(smallest_config) +
                               "hold = { max_total = \"20s\" }\ndrain = { timeout = \"2s\" }\n"
                               "[limits]\nrequest_head_bytes = \"4KiB\"\n");
  REQUIRE(config.sites.size() == 1);
  CHECK(config.sites[0].hold.max_wait == milliseconds(20'000));
  CHECK(config.sites[0].drain.tunnel_spread == milliseconds(2'000));
  CHECK(config.limits.request_line_bytes == 4 * 1024);
  const auto longer = accepted(std::string(smallest_config) + "hold = { max_total = \"10m\" }\n");
  CHECK(longer.sites.at(0).hold.max_wait == milliseconds(30'000));
}

TEST_CASE("a value beyond its bound is told with both, and whether the bound is written") {
  CHECK(refused("hold = { max_wait = \"30s\", max_total = \"20s\" }\n")
            .contains("test.toml:7:21: error: 'max_wait' (30s) is longer than 'max_total' (20s)\n"));
  CHECK(
      refused("hold = { max_wait = \"2m\" }\n")
          .contains("test.toml:7:21: error: 'max_wait' (2m) is longer than 'max_total' (1m where it is left out)"));
  CHECK(
      refused("[limits]\nrequest_line_bytes = \"40KiB\"\n")
          .contains("'request_line_bytes' (40KiB) is more than 'request_head_bytes' (32KiB where it is left out)"));
}

TEST_CASE("a duration beyond all bounds is told the bound, not how to write one") {
  const auto told = refused("hold = { max_wait = \"400d\" }\n");
  CHECK(told.contains("'400d' is longer than 366d, the longest duration there is"));
  CHECK_FALSE(told.contains("did you mean"));
}
