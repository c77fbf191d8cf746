#include "config/toml_nodes.h"

#include <fmt/format.h>
#include <toml.hpp>

#include <algorithm>
#include <sstream>
#include <tuple>

namespace drawbridge::config {
namespace {

std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The components of a key such as `a.b` or `"a b" . c`, without their quotes. Escapes in quotes are left as they
// are.
std::vector<Span> components(std::string_view text) {
  std::vector<Span> found;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      const auto close = text.find(c, at + 1);
      if (close == std::string_view::npos) break;
      found.push_back({at + 1, close});
      at = close + 1;
    } else if (c == '.' || c == ' ' || c == '\t' || c == '[' || c == ']') {
      ++at;
    } else {
      const auto end = std::min(text.find_first_of(". \t[]", at), text.size());
      found.push_back({at, end});
      at = end;
    }
  }
  return found;
}

// Turns toml11's values into nodes. toml11 keeps places of values but none of keys, and clamps integers that do not
// fit; so keys are looked up in the source, and integers keep their text (no key allows the clamped value).
class Converter {
 public:
  explicit Converter(const std::vector<std::string>& lines) : lines_(lines) {
    std::size_t start = 0;
    for (const auto& line : lines_) {
      line_starts_.push_back(start);
      start += line.size() + 1;
    }
  }

  Node convert(const toml::value& value) {
    Node node;
    node.place = place_of(value);
    node.key_place = node.place;
    fill(node, value);
    return node;
  }

 private:
  // By offset: toml11's `location()` counts lines from the start and copies the line, for each value again.
  Place place_of(const toml::value& value) const {
    const auto* region = dynamic_cast<const toml::detail::region*>(toml::detail::get_region(value));
    if (region == nullptr) return {.line = 1, .column = 1, .width = 1};
    const auto offset = static_cast<std::size_t>(region->first() - region->begin());
    const auto next = std::ranges::upper_bound(line_starts_, offset);
    const auto line = static_cast<std::size_t>(next - line_starts_.begin());
    return {.line = static_cast<std::uint32_t>(line),
            .column = static_cast<std::uint32_t>(offset - line_starts_[line - 1] + 1),
            .width = static_cast<std::uint32_t>(std::max<std::size_t>(region->size(), 1))};
  }

  void fill(Node& node, const toml::value& value) {
    switch (value.type()) {
      case toml::value_t::boolean:
        node.kind = NodeKind::boolean;
        node.boolean = value.as_boolean();
        break;
      case toml::value_t::integer:
        node.kind = NodeKind::integer;
        node.integer = value.as_integer();
        node.text = line(node.place).substr(node.place.column - 1, node.place.width);
        break;
      case toml::value_t::floating:
        node.kind = NodeKind::floating;
        break;
      case toml::value_t::string:
        node.kind = NodeKind::text;
        node.text = value.as_string().str;
        break;
      case toml::value_t::array:
        node.kind = NodeKind::list;
        for (const auto& item : value.as_array()) node.children.push_back(convert(item));
        break;
      case toml::value_t::table:
        fill_table(node, value);
        break;
      case toml::value_t::empty:
      case toml::value_t::offset_datetime:
      case toml::value_t::local_datetime:
      case toml::value_t::local_date:
      case toml::value_t::local_time:
        node.kind = NodeKind::date;
        break;
    }
    limit_to_line(node.place);
  }

  void fill_table(Node& node, const toml::value& value) {
    node.kind = NodeKind::table;
    for (const auto& [key, entry] : value.as_table()) {
      Node child = convert(entry);
      child.key = key;
      child.key_place = find_key(child);
      node.children.push_back(std::move(child));
    }
    std::ranges::sort(node.children, [](const Node& a, const Node& b) {
      return std::tie(a.key_place.line, a.key_place.column, a.key) <
             std::tie(b.key_place.line, b.key_place.column, b.key);
    });
  }

  std::string_view line(Place place) const {
    if (place.line == 0 || place.line > lines_.size()) return {};
    return lines_[place.line - 1];
  }

  // A value of several lines is underlined on its first.
  void limit_to_line(Place& place) const {
    const auto size = static_cast<std::uint32_t>(line(place).size());
    place.column = std::min(place.column, size + 1);
    place.width = std::max(std::min(place.width, size + 1 - place.column), 1U);
  }

  // The key of a table under a header stands in the header; any other key stands before the '=' before its value.
  // For a table made by a dotted key, toml11 gives the place of the whole dotted key.
  Place find_key(const Node& node) const {
    const auto text = line(node.place);
    const auto at = node.place.column - 1;
    const auto before = text.substr(0, std::min<std::size_t>(at, text.size()));
    const auto equals = before.find_last_not_of(" \t");
    if (equals != std::string_view::npos && before[equals] == '=') {
      const auto begin = statement_start(before, equals);
      return component_place(node, begin, before.substr(begin, equals - begin), true);
    }
    if (node.kind != NodeKind::table && node.kind != NodeKind::list) return node.place;
    return component_place(node, at, text.substr(at, node.place.width), false);
  }

  // Where the key that ends at `equals` begins: after the '{' or ',' of an inline table, or at the line's start.
  static std::size_t statement_start(std::string_view text, std::size_t equals) {
    std::size_t at = equals;
    char quote = 0;
    while (at > 0) {
      const char c = text[at - 1];
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '{' || c == ',') {
        break;
      }
      --at;
    }
    return at;
  }

  Place component_place(const Node& node, std::size_t begin, std::string_view text, bool last) const {
    Place place{
        .line = node.place.line, .column = static_cast<std::uint32_t>(begin + 1), .width = node.place.width};
    for (const auto& span : components(text)) {
      if (text.substr(span.begin, span.end - span.begin) != node.key && !last) continue;
      place.column = static_cast<std::uint32_t>(begin + span.begin + 1);
      place.width = std::max(static_cast<std::uint32_t>(span.end - span.begin), 1U);
      if (!last) break;
    }
    return place;
  }

  const std::vector<std::string>& lines_;
  std::vector<std::size_t> line_starts_;  // offsets in the text of join_lines
};

}  // namespace

std::optional<SyntaxError> read_toml(const std::vector<std::string>& lines, const std::string& file, Node& root) {
  try {
    std::istringstream input(join_lines(lines));
    root = Converter(lines).convert(toml::parse(input, file));
    return std::nullopt;
  } catch (const toml::exception& thrown) {
    const auto& at = thrown.location();
    return translate(thrown.what(), {.line = at.line(), .column = at.column()}, lines);
  } catch (const std::exception& thrown) {
    return SyntaxError{.place = {},
                       .message = fmt::format("the TOML parser failed: {}", thrown.what()),
                       .suggestion = {},
                       .local = false};
  }
}

}  // namespace drawbridge::config
