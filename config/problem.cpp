#include "config/problem.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::config {
namespace {

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// What stands before the caret: as many columns as `text` takes on a terminal. Tabs stay tabs, so that the caret
// lands under its character whatever the terminal's tab stops are.
std::string indent_like(std::string_view text) {
  std::string indent;
  for (const char c : text) {
    if (!continues_character(c)) indent += c == '\t' ? '\t' : ' ';
  }
  return indent;
}

std::string carets(std::string_view text) {
  const auto characters = std::ranges::count_if(text, [](char c) { return !continues_character(c); });
  return std::string(static_cast<std::size_t>(std::max<std::ptrdiff_t>(characters, 1)), '^');
}

}  // namespace

std::string format(const Problem& problem) {
  std::string text = problem.file;
  if (problem.line > 0) text += fmt::format(":{}:{}", problem.line, problem.column);
  text += ": error: " + problem.message;
  if (!problem.suggestion.empty()) {
    const auto* quote = problem.suggestion.starts_with('"') ? "" : "'";
    text += fmt::format("; did you mean {0}{1}{0}?", quote, problem.suggestion);
  }
  text += '\n';
  if (problem.line == 0) return text;
  const std::string_view line = problem.source_line;
  const auto before = line.substr(0, problem.column - 1);
  const auto marked = line.substr(before.size(), problem.width);
  text += fmt::format("{:>5} | {}\n", problem.line, line);
  text += fmt::format("      | {}{}\n", indent_like(before), carets(marked));
  return text;
}

std::string format(std::span<const Problem> problems) {
  std::string text;
  for (const auto& problem : problems) text += format(problem);
  if (problems.empty()) return text;
  return text +
         fmt::format("{}: {} error{}\n", problems.front().file, problems.size(), problems.size() == 1 ? "" : "s");
}

}  // namespace drawbridge::config
