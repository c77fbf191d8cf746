#include "config/codec.h"

namespace drawbridge::config {
namespace {

// "30" and 30 most likely mean seconds; "30 sec" and "5 min" are words people try.
std::string suggest_duration(std::string_view text) {
  const auto digits = static_cast<std::size_t>(
      std::ranges::find_if_not(text, [](char c) { return c >= '0' && c <= '9'; }) - text.begin());
  if (digits == 0 || digits > 9) return {};
  auto unit = text.substr(digits);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto number = text.substr(0, digits);
  if (unit.empty() || unit == "sec" || unit == "secs" || unit == "second" || unit == "seconds" || unit == "S") {
    return fmt::format("{}s", number);
  }
  if (unit == "min" || unit == "mins" || unit == "minute" || unit == "minutes") return fmt::format("{}m", number);
  if (unit == "hour" || unit == "hours" || unit == "hr" || unit == "H") return fmt::format("{}h", number);
  if (unit == "day" || unit == "days") return fmt::format("{}d", number);
  for (const std::string_view known : {"ms", "s", "m", "h", "d"}) {
    if (unit == known) return fmt::format("{}{}", number, unit);
  }
  return {};
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string quoted_list(std::span<const std::string> texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (out.size() == 1 ? "" : ", ") + quoted(text);
  return out + "]";
}

bool read_duration(Reader& reader, const Node& node, base::Millis min, base::Millis max, base::Millis& out) {
  if (node.kind == NodeKind::integer) {
    reader.fail(node.place, fmt::format("a duration is a text with a unit, not the number {}", node.text),
                suggest_duration(node.text));
    return false;
  }
  if (!reader.expect(node, NodeKind::text, "a duration such as \"30s\"")) return false;
  const auto value = base::parse_duration(node.text);
  if (!value) {
    const auto meant = suggest_duration(node.text);
    reader.fail(node.place, value.error().message, base::parse_duration(meant) ? meant : "");
    return false;
  }
  if (*value < min || *value > max) {
    reader.fail(node.place, fmt::format("'{}' is out of range: from {} to {}", node.text,
                                        base::format_duration(min), base::format_duration(max)));
    return false;
  }
  out = *value;
  return true;
}

bool read_size(Reader& reader, const Node& node, std::uint64_t min, std::uint64_t max, std::uint64_t& out) {
  std::uint64_t bytes = 0;
  if (node.kind == NodeKind::integer && node.integer >= 0) {
    bytes = static_cast<std::uint64_t>(node.integer);
  } else if (node.kind != NodeKind::integer) {
    if (!reader.expect(node, NodeKind::text, "a size such as \"64KiB\"")) return false;
    const auto value = parse_size(node.text);
    if (!value) {
      reader.fail(node, value.error());
      return false;
    }
    bytes = *value;
  }
  const bool negative = node.kind == NodeKind::integer && node.integer < 0;
  if (negative || bytes < min || bytes > max) {
    reader.fail(node.place,
                fmt::format("'{}' is out of range: from {} to {}", node.text, format_size(min), format_size(max)));
    return false;
  }
  out = bytes;
  return true;
}

std::string alternatives(std::span<const std::string_view> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto* separator = i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
    text += separator + quoted(names[i]);
  }
  return text;
}

std::optional<std::size_t> read_choice(Reader& reader, const Node& node, std::span<const std::string_view> names) {
  const auto wanted = alternatives(names);
  if (!reader.expect(node, NodeKind::text, wanted)) return std::nullopt;
  const auto found = std::ranges::find(names, node.text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  reader.fail(node.place, fmt::format("'{}' is not {}", node.text, wanted), nearest(node.text, names));
  return std::nullopt;
}

}  // namespace drawbridge::config
