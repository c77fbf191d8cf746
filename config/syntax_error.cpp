#include "config/syntax_error.h"

#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace drawbridge::config {
namespace {

struct Translation {
  std::string_view theirs;  // part of toml11's report
  std::string_view ours;
  bool local = true;
};

// The first that fits wins: special before general.
constexpr auto translations = std::to_array<Translation>({
    {"missing value after key-value separator", "the value is missing after '='"},
    {"missing key-value separator", "'=' is missing after the key"},
    {"invalid character in key", "a key is one word of letters, digits, '_' and '-'"},
    {"invalid format for key", "a key is one word of letters, digits, '_' and '-'"},
    {"empty key is not allowed", "the key is missing before '='"},
    {"an invalid key appeared",
     "this is not a section header such as [server] or [pool.blue]; names are made of a-z, 0-9, '_' and '-'"},
    {"is not a valid key", "this is not a key"},
    {"value defined twice", "this key is given twice"},
    {"table defined twice", "this section is given twice"},
    {"conflicts with the previous", "this section is given both as [name] and as [[name]]"},
    {"array of tables", "this section is given both as [name] and as [[name]]"},
    {"inline tables are immutable", "a table written in braces cannot be added to"},
    {"missing curly brace", "'}' is missing; a table in braces stands on one line"},
    {"missing table separator", "',' or '}' is missing; a table in braces stands on one line"},
    {"trailing comma is not allowed", "a table in braces has no comma at its end"},
    {"missing array separator", "',' or ']' is missing before this", false},
    {"missing array closing bracket", "']' is missing before this", false},
    {"invalid format appeared", "this is not a value; write texts in quotes, and close them", false},
    {"invalid unicode codepoint", "the escape is not a character of Unicode"},
    {"invalid date", "this is not a date; write texts in quotes"},
    {"invalid time", "this is not a time; write texts in quotes"},
    {"valid multiline string", "the text is not closed, or holds an unknown escape", false},
    {"valid string", "the text is not closed by its quote, or holds an unknown escape ('\\' is written '\\\\')"},
    {"unknown value appeared", "this is not a value; write texts in quotes"},
    {"expected newline", "the line should end here; write texts in quotes"},
    {"the next token is not", "this is not a number; write texts in quotes"},
});

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// "    3 |   key" → 3, with the number of columns before the source in `margin`.
std::optional<std::uint32_t> line_number(std::string_view line, std::size_t& margin) {
  const auto bar = line.find(" | ");
  if (bar == std::string_view::npos) return std::nullopt;
  const auto number = base::parse_decimal(base::trim(line.substr(0, bar)));
  if (!number) return std::nullopt;
  margin = bar + 3;
  return static_cast<std::uint32_t>(*number);
}

// The last underlined place: where the report shows two, the first is what the second collides with.
Place underlined(std::string_view report, Place fallback) {
  Place place = fallback;
  std::optional<std::uint32_t> line;
  std::size_t margin = 0;
  while (!report.empty()) {
    const auto text = take_line(report);
    if (line) {
      const auto mark = text.find_first_of("^~");
      if (mark != std::string_view::npos && mark >= margin) {
        const auto end = std::min(text.find_first_not_of('~', mark), text.size());
        place = {.line = *line,
                 .column = static_cast<std::uint32_t>(mark - margin + 1),
                 .width = static_cast<std::uint32_t>(std::max<std::size_t>(end - mark, 1))};
      }
      line.reset();
    } else {
      line = line_number(text, margin);
    }
  }
  return place;
}

bool is_word(char c) {
  return base::is_alpha(c) || base::is_digit(c) || std::string_view("_-./:+*%@").contains(c);
}

// The unquoted word around the place, as far as it can be the value of "key = word".
std::string_view value_word(std::string_view line, std::size_t at) {
  const auto equals = line.rfind('=', at);
  if (equals == std::string_view::npos) return {};
  const auto rest = base::trim(line.substr(equals + 1));
  const auto end = std::ranges::find_if_not(rest, is_word);
  const auto word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  const auto tail = base::trim(rest.substr(word.size()));
  return tail.empty() || tail.front() == '#' ? word : std::string_view{};
}

std::string suggest(std::string_view word) {
  if (word.empty()) return {};
  for (const std::string_view yes : {"yes", "on", "True", "TRUE"}) {
    if (word == yes) return "true";
  }
  for (const std::string_view no : {"no", "off", "False", "FALSE"}) {
    if (word == no) return "false";
  }
  return fmt::format("\"{}\"", word);
}

}  // namespace

SyntaxError translate(std::string_view report, Place fallback, const std::vector<std::string>& lines) {
  SyntaxError error{
      .place = underlined(report, fallback), .message = "this is not TOML", .suggestion = {}, .local = true};
  const auto found =
      std::ranges::find_if(translations, [&](const auto& row) { return report.contains(row.theirs); });
  if (found != translations.end()) {
    error.message = found->ours;
    error.local = found->local;
  }
  if (error.place.line == 0) return error;
  error.place.line = std::min(error.place.line, static_cast<std::uint32_t>(lines.size()));
  const std::string_view line = lines[error.place.line - 1];
  error.place.column = std::min(error.place.column, static_cast<std::uint32_t>(line.size() + 1));
  if (!error.message.contains("in quotes")) return error;
  const auto word = value_word(line, error.place.column - 1);
  error.suggestion = suggest(word);
  if (word.empty()) return error;
  error.place.column = static_cast<std::uint32_t>(word.data() - line.data() + 1);
  error.place.width = static_cast<std::uint32_t>(word.size());
  return error;
}

}  // namespace drawbridge::config
