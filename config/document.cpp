#include "config/document.h"

#include "config/guard.h"
#include "config/syntax_error.h"
#include "config/toml_nodes.h"
#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace drawbridge::config {
namespace {

constexpr std::size_t syntax_errors_max = 20;  // each costs a new parse of the whole text

// Control characters (C0, and C1 in UTF-8) become '?', byte for byte: what a file says must not steer a terminal.
std::string printable(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    const auto next = i + 1 < out.size() ? static_cast<unsigned char>(out[i + 1]) : 0U;
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (c1) out[i + 1] = '?';
    if (c1 || (byte < 0x20 && byte != '\t') || byte == 0x7f) out[i] = '?';
  }
  return out;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

constexpr std::string_view skipped_prefix = "skipped section of line ";

bool is_header(std::string_view line) {
  return base::trim(line).starts_with('[');
}

// The key of a statement, or the name of a header, as it stands there.
std::string_view statement_key(std::string_view line) {
  auto text = base::trim(line.substr(0, line.find_first_of("=#")));
  while (is_header(line) && text.starts_with('[')) text.remove_prefix(1);
  while (is_header(line) && text.ends_with(']')) text.remove_suffix(1);
  return base::trim(text);
}

// The full key of the statement on that line: the headers above it are the best guess there is.
std::string key_path(const std::vector<std::string>& lines, std::uint32_t line) {
  if (line == 0 || line > lines.size()) return {};
  const auto key = statement_key(lines[line - 1]);
  if (key.empty() || is_header(lines[line - 1])) return std::string(key);
  for (auto at = line - 1; at > 0; --at) {
    if (is_header(lines[at - 1])) return fmt::format("{}.{}", statement_key(lines[at - 1]), key);
  }
  return std::string(key);
}

// A statement of one line, which can be left out without changing what the other lines mean.
bool stands_alone(std::string_view line) {
  if (!line.contains('=') || line.contains(R"(""")") || line.contains("'''")) return false;
  const auto count = [line](char c) { return std::ranges::count(line, c); };
  return count('[') == count(']') && count('{') == count('}');
}

// Takes the mistake out of the text, so that the rest can be read: a statement goes, a header becomes that of a
// section which is dropped later. False if good lines could turn into bad ones.
bool leave_out(const SyntaxError& error, std::vector<std::string>& lines) {
  if (error.place.line == 0 || error.place.line > lines.size() || !error.local) return false;
  auto& line = lines[error.place.line - 1];
  if (line.contains(skipped_prefix)) return false;
  if (is_header(line)) {
    line = fmt::format("[\"{}{}\"]", skipped_prefix, error.place.line);
    return true;
  }
  const bool alone = stands_alone(line);
  if (alone) line.clear();
  return alone;
}

// toml11 stops at the first mistake, and people want to see all of them.
void parse_lines(Document& document) {
  auto lines = document.lines;
  while (document.problems.size() < syntax_errors_max) {
    const auto error = read_toml(lines, document.file, document.root);
    if (!error) break;
    const auto key = key_path(document.lines, error->place.line);
    document.problems.push_back(problem_at(document, error->place, key, error->message, error->suggestion));
    if (!leave_out(*error, lines)) break;
  }
  std::erase_if(document.root.children, [](const Node& node) { return node.key.starts_with(skipped_prefix); });
}

}  // namespace

std::string_view describe(NodeKind kind) {
  switch (kind) {
    case NodeKind::boolean:
      return "true or false";
    case NodeKind::integer:
      return "a number";
    case NodeKind::floating:
      return "a number with a fraction";
    case NodeKind::text:
      return "a text";
    case NodeKind::date:
      return "a date";
    case NodeKind::list:
      return "a list";
    case NodeKind::table:
      return "a table";
  }
  return "a value";
}

const Node* Node::find(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &Node::key);
  return kind != NodeKind::table || found == children.end() ? nullptr : &*found;
}

const Node* find(const Node& root, std::initializer_list<std::string_view> path) {
  const Node* node = &root;
  for (const auto part : path) {
    node = node->find(part);
    if (node == nullptr) return nullptr;
  }
  return node;
}

Document read_document(std::string_view text, std::string_view file) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Document document{.file = std::string(file), .lines = split_lines(text), .root = {}, .problems = {}};
  if (const auto obstacle = find_obstacle(text)) {
    const auto key = key_path(document.lines, obstacle->place.line);
    document.problems.push_back(problem_at(document, obstacle->place, key, obstacle->message));
  } else {
    parse_lines(document);
  }
  return document;
}

Problem problem_at(const Document& document, Place place, std::string_view key, std::string_view message,
                   std::string_view suggestion) {
  Problem problem{.file = document.file,
                  .line = place.line,
                  .column = place.column,
                  .width = std::max(place.width, 1U),
                  .key = printable(key),
                  .message = {},
                  .suggestion = printable(suggestion),
                  .source_line = {}};
  const auto last = fmt::format("'{}'", key.substr(key.rfind('.') + 1));
  const bool named = key.empty() || message.contains(last);
  problem.message = printable(named ? std::string(message) : fmt::format("{}: {}", key, message));
  if (place.line == 0 || place.line > document.lines.size()) {
    problem.line = problem.column = 0;
    return problem;
  }
  problem.source_line = printable(document.lines[place.line - 1]);
  problem.column = std::clamp(problem.column, 1U, static_cast<std::uint32_t>(problem.source_line.size() + 1));
  return problem;
}

}  // namespace drawbridge::config
