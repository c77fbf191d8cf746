#include "proxy/base/ascii.h"
#include "proxy/base/event_log.h"
#include "proxy/base/ids.h"
#include "proxy/base/text.h"
#include "proxy/base/time.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge::base;
using std::chrono::milliseconds;

TEST_CASE("durations read and print with units") {
  struct Row {
    const char* text;
    std::int64_t ms;
    const char* printed;
  };
  const Row rows[] = {{"250ms", 250, "250ms"},  {"30s", 30'000, "30s"},        {"10m", 600'000, "10m"},
                      {"90s", 90'000, "1m30s"}, {"1h30m", 5'400'000, "1h30m"}, {"1d", 86'400'000, "1d"},
                      {"0s", 0, "0s"}};
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_duration(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->count() == row.ms);
    CHECK(format_duration(*parsed) == row.printed);
  }
}

TEST_CASE("a duration without a unit, with a sign or too long is refused") {
  for (const char* text : {"", "30", "-1s", "1.5s", "s", "10 s", "10x", "99999999d", "1sm"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("a duration that is too long is told the longest one, whatever its form") {
  CHECK(parse_duration("366d").has_value());
  for (const char* text : {"400d", "366d1ms", "999999999999d", "365d48h"}) {
    CAPTURE(text);
    const auto parsed = parse_duration(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().message.find("is longer than 366d") != std::string::npos);
  }
  CHECK(parse_duration("400d3").error().message.find("is not a duration") != std::string::npos);
}

TEST_CASE("times read as RFC 3339 or as the next such time of day") {
  const auto noon = parse_time("2026-03-01T12:00:00Z", {});
  REQUIRE(noon.has_value());
  CHECK(format_time(*noon) == "2026-03-01T12:00:00Z");
  CHECK(format_http_date(*noon) == "Sun, 01 Mar 2026 12:00:00 GMT");
  CHECK(format_time(*parse_time("08:00", *noon)) == "2026-03-02T08:00:00Z");
  CHECK(format_time(*parse_time("12:00:01Z", *noon)) == "2026-03-01T12:00:01Z");
  CHECK(format_time(*parse_time("2026-03-01T14:30:00.250+02:00", *noon)) == "2026-03-01T12:30:00.250Z");
  for (const char* text : {"", "8:00", "24:00", "2026-02-30T00:00:00Z", "2026-03-01T12:00:00", "noon"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text, *noon).has_value());
  }
}

TEST_CASE("decimals are one run of digits within 63 bits") {
  CHECK(parse_decimal("0") == 0);
  CHECK(parse_decimal("9223372036854775807") == 9223372036854775807ULL);
  for (const char* text :
       {"", "+1", "-1", " 1", "1 ", "1,1", "0x1", "9223372036854775808", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_decimal(text).has_value());
  }
}

TEST_CASE("an event's values cannot forge a line or a field") {
  Event event{.sequence = 1,
              .at = {},
              .severity = Severity::warning,
              .name = "mode_changed",
              .fields = {{"site", "shop"}, {"reason", "a \"b\"\nc"}, {"empty", ""}}};
  CHECK(format_event(event) ==
        "1970-01-01T00:00:00Z warning mode_changed site=shop reason=\"a \\\"b\\\"\\x0ac\" empty=\"\"");
}

TEST_CASE("request ids do not repeat") {
  IdSource source;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(std::string(source.next().view()));
  CHECK(seen.size() == 10'000);
}

TEST_CASE("a short text is copied as it is, whatever its length") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i);
  for (std::size_t bytes = 0; bytes <= text.size(); ++bytes) {
    CAPTURE(bytes);
    std::array<char, 128> out{};
    out.fill('#');
    CHECK(copy_short(out.data(), std::string_view(text).substr(0, bytes)) == out.data() + bytes);
    CHECK(std::string_view(out.data(), bytes) == text.substr(0, bytes));
    CHECK(std::count(out.begin() + static_cast<std::ptrdiff_t>(bytes), out.end(), '#') ==
          static_cast<std::ptrdiff_t>(out.size() - bytes));
  }
}

TEST_CASE("a number is written in decimal") {
  std::vector<std::uint64_t> values{0, std::numeric_limits<std::uint64_t>::max()};
  for (std::uint64_t power = 1;; power *= 10) {
    for (const auto value : {power - 1, power, power + 1, power * 9 + 7}) values.push_back(value);
    if (power == 1'000'000'000'000'000'000) break;
  }
  for (const auto value : values) {
    std::array<char, 20> out{};
    const auto* end = put_decimal(out.data(), value);
    CHECK(std::string_view(out.data(), static_cast<std::size_t>(end - out.data())) == std::to_string(value));
  }
}
