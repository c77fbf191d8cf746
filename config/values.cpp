#include "config/values.h"

#include "proxy/base/ascii.h"
#include "proxy/core/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace drawbridge::config {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t rule_bytes_max = 1'024;
constexpr std::uint64_t size_bytes_max = std::uint64_t{1} << 50;

struct Unit {
  std::string_view suffix;
  std::uint64_t bytes;
};

// Largest first: format_size takes the first that divides.
constexpr auto units = std::to_array<Unit>({{"GiB", 1ULL << 30},
                                            {"GB", 1'000'000'000},
                                            {"MiB", 1ULL << 20},
                                            {"MB", 1'000'000},
                                            {"KiB", 1ULL << 10},
                                            {"KB", 1'000},
                                            {"B", 1}});

std::unexpected<Flaw> flaw(std::string message, std::string suggestion = {}) {
  return std::unexpected(Flaw{std::move(message), std::move(suggestion)});
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += base::to_lower(c);
  return out;
}

// RFC 9110 section 5.6.2.
bool is_token_char(char c) {
  return base::is_alpha(c) || base::is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

// RFC 3986 section 3.3, percent-escapes aside.
bool is_path_char(char c) {
  return base::is_alpha(c) || base::is_digit(c) || std::string_view("-._~!$&'()*+,;=:@/").contains(c);
}

bool has_dot_segment(std::string_view path) {
  return path.contains("/../") || path.contains("/./") || path.ends_with("/..") || path.ends_with("/.");
}

// "10m", "10mb" and "10 MB" for "10MB".
std::string suggest_size(std::uint64_t number, std::string_view suffix) {
  std::string unit;
  for (const char c : suffix) {
    if (c != ' ') unit += base::to_lower(c);
  }
  for (const auto& row : units) {
    const auto known = lower(row.suffix);
    if (unit == known || (unit.size() == 1 && known.size() == 3 && unit[0] == known[0])) {
      return fmt::format("{}{}", number, row.suffix);
    }
  }
  return unit.empty() ? fmt::format("{}B", number) : std::string();
}

}  // namespace

Checked<std::uint64_t> parse_size(std::string_view text) {
  const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(text, base::is_digit) - text.begin());
  const auto number = base::parse_decimal(text.substr(0, digits));
  const auto suffix = text.substr(digits);
  if (!number)
    return flaw(fmt::format("'{}' is not a size; write a number with a unit, such as 64KiB or 10MB", text));
  if (*number == 0 && suffix.empty()) return 0;
  for (const auto& unit : units) {
    if (suffix != unit.suffix) continue;
    if (*number > size_bytes_max / unit.bytes) return flaw(fmt::format("'{}' is too large", text));
    return *number * unit.bytes;
  }
  return flaw(fmt::format("'{}' is not a size; the units are B, KB, MB, GB, KiB, MiB and GiB", text),
              suggest_size(*number, suffix));
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const auto& unit : units) {
    if (bytes % unit.bytes == 0) return fmt::format("{}{}", bytes / unit.bytes, unit.suffix);
  }
  return fmt::format("{}B", bytes);
}

Checked<std::string> parse_path_prefix(std::string_view text) {
  if (!text.starts_with('/')) {
    return flaw(fmt::format("'{}' is not a path prefix; it starts with '/'", text), fmt::format("/{}", text));
  }
  if (text.ends_with("/*") || text.ends_with("/**")) {
    const auto plain = text.substr(0, text.rfind('/'));
    return flaw(fmt::format("'{}' is not a path prefix; a prefix covers all below it without '*'", text),
                plain.empty() ? "/" : std::string(plain));
  }
  if (text.contains("//") || has_dot_segment(text)) {
    return flaw(fmt::format("'{}' is not in normal form: empty and dot segments never match", text));
  }
  if (!std::ranges::all_of(text, is_path_char)) {
    return flaw(fmt::format("'{}' holds a character that a path prefix cannot have", text));
  }
  if (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

Checked<std::string> parse_request_path(std::string_view text) {
  const bool whole = std::ranges::all_of(text, [](char c) { return is_path_char(c) || c == '?' || c == '%'; });
  if (text.starts_with('/') && whole) return std::string(text);
  const auto suggestion =
      !text.empty() && whole && !text.contains("://") ? fmt::format("/{}", text) : std::string();
  return flaw(fmt::format("'{}' is not a path; it starts with '/' and has no spaces", text), suggestion);
}

Checked<std::string> parse_rule(std::string_view text) {
  const auto space = text.find(' ');
  const auto method = text.substr(0, space);
  const auto glob = space == std::string_view::npos ? std::string_view{} : base::trim(text.substr(space));
  const std::string form = "a rule is \"METHOD /path\", with '*' for any method and as wildcard";
  if (text.size() > rule_bytes_max) return flaw(fmt::format("the rule is longer than {} bytes", rule_bytes_max));
  if (space == std::string_view::npos && text.starts_with('/')) {
    return flaw(fmt::format("the rule '{}' names no method; {}", text, form), fmt::format("* {}", text));
  }
  if (!is_token(method) || glob.empty()) return flaw(fmt::format("'{}' is not a rule; {}", text, form));
  std::string upper;
  for (const char c : method) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (upper != method) {
    return flaw(fmt::format("the method '{}' would never match: methods are case-sensitive", method),
                fmt::format("{} {}", upper, glob));
  }
  if (!glob.starts_with('/') && glob != "**") {
    return flaw(fmt::format("the path '{}' of the rule does not start with '/'", glob),
                fmt::format("{} /{}", method, glob));
  }
  if (glob.contains(' ') || glob.contains('?') || glob.contains('#')) {
    return flaw(fmt::format("'{}' is not a path: rules see neither query nor fragment, and one path each", glob));
  }
  if (has_dot_segment(glob) || glob.contains("//")) {
    return flaw(fmt::format("'{}' never matches: rules see paths without empty and dot segments", glob));
  }
  // What is wrong in other ways is said by those who will match it.
  const auto rule = core::Rule::parse(text);
  if (!rule) return flaw(rule.error().message);
  return fmt::format("{} {}", method, glob);
}

Checked<std::string> parse_file_path(std::string_view text) {
  if (!text.starts_with('/')) return flaw(fmt::format("'{}' is not an absolute path", text));
  if (has_dot_segment(text)) return flaw(fmt::format("'{}' holds '.' or '..'; write the path itself", text));
  if (text.size() > 4'000) return flaw("the path is longer than 4000 bytes");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    return flaw("the path holds a control byte");
  }
  return std::string(text);
}

Checked<std::string> parse_name(std::string_view text) {
  const auto fits = [](char c) { return base::is_digit(c) || (c >= 'a' && c <= 'z') || c == '_' || c == '-'; };
  if (text.size() > name_bytes_max) return flaw(fmt::format("the name is longer than {} bytes", name_bytes_max));
  if (!text.empty() && std::ranges::all_of(text, fits)) return std::string(text);
  std::string suggestion = lower(text);
  std::ranges::replace_if(suggestion, [&](char c) { return !fits(c); }, '-');
  return flaw(fmt::format("'{}' is not a name; names are made of a-z, 0-9, '_' and '-'", text), suggestion);
}

Checked<std::string> parse_field_name(std::string_view text) {
  static constexpr auto own = std::to_array<std::string_view>(
      {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive",
       "proxy-connection", "expect", "via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
       "x-request-id", "date"});
  if (text.ends_with(':') && is_token(text.substr(0, text.size() - 1))) {
    return flaw(fmt::format("'{}' is not a header name", text), std::string(text.substr(0, text.size() - 1)));
  }
  if (!is_token(text) || text.size() > 256) return flaw(fmt::format("'{}' is not a header name", text));
  if (std::ranges::find(own, lower(text)) == own.end()) return std::string(text);
  const std::string_view hint = base::iequals(text, "host") ? "; see the key 'host' of the site" : "";
  return flaw(fmt::format("the header '{}' is written by Drawbridge itself and cannot be changed{}", text, hint));
}

Checked<std::string> parse_field_value(std::string_view text) {
  if (base::trim(text) != text) {
    return flaw("a header value has no spaces at its ends", std::string(base::trim(text)));
  }
  if (text.size() > 8'192) return flaw("the header value is longer than 8192 bytes");
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f)
      return flaw("the header value holds a control byte or a line end");
  }
  return std::string(text);
}

}  // namespace drawbridge::config
