// Any text is either a configuration or at least one problem, and each problem points into the text.

#include "config/load.h"
#include "proxy/base/check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

void check_problem(const drawbridge::config::Problem& problem, std::string_view text) {
  const auto line_count = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  DRAWBRIDGE_CHECK(!problem.message.empty());
  DRAWBRIDGE_CHECK(problem.line <= line_count);
  DRAWBRIDGE_CHECK(problem.width >= 1);
  DRAWBRIDGE_CHECK((problem.line == 0) == (problem.column == 0));
  DRAWBRIDGE_CHECK(problem.line == 0 || problem.column <= problem.source_line.size() + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto outcome = drawbridge::config::parse(text, "fuzz.toml");
  if (outcome) {
    DRAWBRIDGE_CHECK(!outcome->listeners.empty() && !outcome->pools.empty() && !outcome->sites.empty());
    return 0;
  }
  const auto& problems = outcome.error();
  DRAWBRIDGE_CHECK(!problems.empty() && problems.size() <= drawbridge::config::problems_max + 1);
  for (const auto& problem : problems) check_problem(problem, text);
  DRAWBRIDGE_CHECK(!drawbridge::config::format(problems).empty());
  return 0;
}
