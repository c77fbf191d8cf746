// Paths from anywhere against a rule from anywhere: "RULE\nPATH". What must hold of any path holds of these.
#include "proxy/base/check.h"
#include "proxy/core/readings.h"
#include "proxy/core/rule.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace drawbridge::core;

namespace {

void check_readings(std::string_view path, const Readings& readings) {
  const auto all = readings.all();
  DRAWBRIDGE_CHECK(!all.empty() && all.size() <= Readings::readings_max);
  DRAWBRIDGE_CHECK(normal_form(readings.normal()) == readings.normal());
  if (!path.starts_with('/')) return;
  for (const auto reading : all) {
    DRAWBRIDGE_CHECK(reading.starts_with('/') && reading.size() <= path.size());
    DRAWBRIDGE_CHECK(reading.find("//") == std::string_view::npos);
    DRAWBRIDGE_CHECK(std::count(all.begin(), all.end(), reading) == 1);
    const auto closed = std::string(reading) + "/";
    DRAWBRIDGE_CHECK(closed.find("/./") == std::string::npos && closed.find("/../") == std::string::npos);
  }
}

void check_rule(const Rule& rule, const Readings& readings) {
  const auto method = std::string_view(rule.text()).substr(0, rule.text().find(' '));
  const std::string_view sent = method == "*" ? "POST" : method;
  const bool any = rule.matches_any({&sent, 1}, readings);
  const bool all = rule.matches_all({&sent, 1}, readings);
  DRAWBRIDGE_CHECK(!all || any);
  DRAWBRIDGE_CHECK(!all || !readings.unjudgeable());
  if (readings.all().size() == 1 && !readings.unjudgeable()) DRAWBRIDGE_CHECK(all == any);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const std::string_view text = input;
  const auto end = std::min(text.find('\n'), text.size());
  const auto path = text.substr(std::min(end + 1, text.size()));
  const Readings readings(path);
  check_readings(path, readings);
  if (const auto rule = Rule::parse(text.substr(0, end))) check_rule(*rule, readings);
  return 0;
}
