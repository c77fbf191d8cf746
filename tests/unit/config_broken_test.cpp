// Each file of broken_configs begins with what must be said about it, one line a problem:
// "# expect LINE:COLUMN WIDTH KEY [-> SUGGESTION]".

#include "config/load.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace drawbridge::config;

namespace {

constexpr std::string_view mark = "# expect ";

std::string read_text(const std::filesystem::path& path) {
  std::ifstream input(path, std::ios::binary);
  std::ostringstream text;
  text << input.rdbuf();
  return text.str();
}

std::string expected(const std::string& text) {
  std::string lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line) && line.starts_with(mark);) lines += line + "\n";
  return lines;
}

std::string expectation(const Problem& problem) {
  auto text = fmt::format("{}{}:{} {} {}", mark, problem.line, problem.column, problem.width, problem.key);
  return problem.suggestion.empty() ? text : fmt::format("{} -> {}", text, problem.suggestion);
}

std::vector<std::filesystem::path> broken_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(DRAWBRIDGE_SOURCE_DIR "/tests/unit/broken_configs")) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

TEST_CASE("a broken configuration is told its line, column, key and what was probably meant") {
  const auto files = broken_files();
  CHECK(files.size() >= 30);
  for (const auto& path : files) {
    CAPTURE(path.filename().string());
    const auto text = read_text(path);
    const auto outcome = parse(text, path.filename().string());
    REQUIRE_FALSE(outcome.has_value());
    std::string told;
    for (const auto& problem : outcome.error()) told += expectation(problem) + "\n";
    CHECK(told == expected(text));
    CAPTURE(format(outcome.error()));
    for (const auto& problem : outcome.error()) {
      const auto last = problem.key.substr(problem.key.rfind('.') + 1);
      CHECK(problem.message.contains(last));
      CHECK(problem.file == path.filename().string());
    }
  }
}

TEST_CASE("a file is checked the same as its text") {
  for (const auto& path : broken_files()) {
    CAPTURE(path.string());
    const auto by_file = load(path.string());
    const auto by_text = parse(read_text(path), path.string());
    REQUIRE_FALSE(by_file.has_value());
    CHECK(format(by_file.error()) == format(by_text.error()));
  }
}
