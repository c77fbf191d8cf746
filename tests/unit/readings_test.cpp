#include "proxy/core/readings.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

using namespace drawbridge::core;
namespace limits = drawbridge::base::limits;

namespace {

bool has(const Readings& readings, std::string_view wanted) {
  const auto all = readings.all();
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

}  // namespace

TEST_CASE("a path has one normal form") {
  struct Row {
    std::string_view path, normal;
  };
  const Row rows[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b/"},
      {"//", "/"},
      {"///a////b//", "/a/b/"},
      {"/.", "/"},
      {"/..", "/"},
      {"/./a/./b/.", "/a/b/"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/b/../", "/a/"},
      {"/a//../b", "/b"},
      {"/...", "/..."},
      {"/.well-known/x", "/.well-known/x"},
      {"/a/.b/..c", "/a/.b/..c"},
      {"/%61%2D%5f%7e", "/a-_~"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/%2e/a", "/a"},
      {"/a%2fb", "/a%2Fb"},
      {"/caf%c3%a9", "/caf%C3%A9"},
      {"/a%20b", "/a%20b"},
      {"/a%40b", "/a%40b"},
      {"/A/b", "/A/b"},
      {"/100%", "/100%"},
      {"/%zz/%4", "/%zz/%4"},
      {"/%252e", "/%252e"},
      {"/%%34%31", "/%%341"},
      {"/%4%31", "/%4%31"},
      {"/a;x=1/b", "/a;x=1/b"},
      {"*", "*"},
      {"", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.path);
    CHECK(Readings(row.path).normal() == row.normal);
    CHECK(normal_form(row.normal) == row.normal);
  }
}

TEST_CASE("a plain path, or one that differs in unreserved escapes, dots and slashes alone, has one reading") {
  for (const char* path : {"/", "/a/b", "/a//b/./c/../d", "/%61/%2e/b", "/caf%c3%a9/a%20b", "*", "/100%"}) {
    CAPTURE(path);
    const Readings readings(path);
    CHECK(readings.all().size() == 1);
    CHECK(readings.doubt() == Doubt::none);
  }
}

TEST_CASE("what a server may read otherwise is among the readings") {
  struct Row {
    std::string_view path, reading;
  };
  const Row rows[] = {
      {"/a%2Fb", "/a/b"},        {"/a%2F..%2Fb", "/b"},
      {"/a%2f%2e%2e%2fb", "/b"}, {"/a%5Cb", "/a/b"},
      {"/a\\b", "/a/b"},         {"/a%5C..%5Cb", "/b"},
      {"/a%252Fb", "/a/b"},      {"/a%252e%252e%252fb", "/a../b"},
      {"/a/%252e%252e/b", "/b"}, {"/a%25%32%66b", "/a/b"},
      {"/a%255cb", "/a/b"},      {"/a;v=1/b", "/a/b"},
      {"/a;v=1%2Fx/b", "/a/b"},  {"/a;v=1%2Fx/b", "/a/x/b"},
      {"/a%3Bv=1/b", "/a/b"},    {"/a%253Bv=1/b", "/a/b"},
      {"/x/..;/b", "/b"},        {"/x/.;y/b", "/x/b"},
      {"/a;v%5Cx/b", "/a/x/b"},  {"/a;v%5Cx/b", "/a/b"},
      {"/a%40b%3a", "/a@b:"},    {"/a%5B1%5d", "/a[1]"},
      {"/a%3Fb", "/a"},          {"/a%23b", "/a"},
      {"/a%00.png", "/a"},       {"/a%2500.png", "/a"},
      {"/a;x%00.png", "/a"},     {"/x/%252e%252e%5ca", "/a"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.reading);
    CHECK(has(Readings(row.path), row.reading));
  }
}

TEST_CASE("a path that nobody can judge says why") {
  struct Row {
    std::string_view path;
    Doubt doubt;
  };
  const Row rows[] = {
      {"/..", Doubt::climbs_out},
      {"/a/../../b", Doubt::climbs_out},
      {"/a%2F..%2F..%2Fb", Doubt::climbs_out},
      {"/a;/..;/..;/b", Doubt::climbs_out},
      {"/a%5c..%5c..%5cb", Doubt::climbs_out},
      {"/a%00", Doubt::nul},
      {"/a%2500", Doubt::nul},
      {"/a%c0%afb", Doubt::overlong},
      {"/a%E0%80%AFb", Doubt::overlong},
      {"/a%f0%80%80%af", Doubt::overlong},
      {"/a%25c0%25afb", Doubt::overlong},
      {"/a%u002fb", Doubt::broken_escape},
      {"/a%%32fb", Doubt::broken_escape},
      {"/a%2%66b", Doubt::broken_escape},
      {"/a%25252fb", Doubt::escaped_thrice},
      {"/a%2525252525b", Doubt::escaped_thrice},
      {"/a%252541", Doubt::escaped_thrice},
      {"/a/..", Doubt::none},
      {"/a%2541", Doubt::none},
      {"/a%25", Doubt::none},
      {"/%C3%80%E0%A4%85%F0%9F%98%80", Doubt::none},
  };
  for (const auto& row : rows) {
    CAPTURE(row.path);
    CHECK(name(Readings(row.path).doubt()) == name(row.doubt));
  }
}

TEST_CASE("a path beyond the inline room is read like a short one") {
  const std::string long_path = "/" + std::string(limits::fast_path_bytes, 'x') + "/..%2Fb;y/%61";
  const Readings readings(long_path);
  CHECK(readings.normal() == "/" + std::string(limits::fast_path_bytes, 'x') + "/..%2Fb;y/a");
  CHECK(has(readings, "/b/a"));
}

TEST_CASE("random paths keep the promises of a normal form") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  static constexpr std::string_view pieces[] = {"/", "/", "..", ".",   "%",   "%2", "%25", "%2e", "%2F", "\\",
                                                "a", "e", ";",  "%3b", "%5C", "2",  "f",   "%66", "%00", "%3f"};
  for (int i = 0; i < 20'000; ++i) {
    std::string path = "/";
    for (auto n = random() % 24; n > 0; --n) path += pieces[random() % std::size(pieces)];
    CAPTURE(path);
    const Readings readings(path);
    REQUIRE(normal_form(readings.normal()) == readings.normal());
    for (const auto reading : readings.all()) {
      REQUIRE(reading.starts_with('/'));
      REQUIRE(reading.size() <= path.size());
      REQUIRE(reading.find("//") == std::string_view::npos);
      REQUIRE((std::string(reading) + "/").find("/../") == std::string::npos);
    }
  }
}

TEST_CASE("what is not plain is found wherever in a path it stands") {
  struct Row {
    std::string_view odd, normal;
    std::size_t readings;
  };
  const Row rows[] = {{"//", "/", 1}, {"/./", "/", 1}, {"/%41", "/A", 1}, {"/;p/", "/;p/", 2}, {"/\\", "/\\", 2}};
  for (const auto& row : rows) {
    for (std::size_t before = 0; before < 40; ++before) {
      for (std::size_t after = 0; after < 20; ++after) {
        const std::string begin = "/" + std::string(before, 'a');
        const std::string end(after, 'b');
        const auto path = begin + std::string(row.odd) + end;
        CAPTURE(path);
        const Readings readings(path);
        CHECK(readings.normal() == (before == 0 ? std::string() : begin) + std::string(row.normal) + end);
        CHECK(readings.all().size() == row.readings);
      }
    }
  }
}
