#include "proxy/base/ascii.h"
#include "proxy/core/bucket.h"
#include "proxy/core/slice_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace drawbridge::core {
namespace {

using Kind = SliceMatch::Kind;

constexpr unsigned hundredths_of_one = bucket_count / 100;

std::unexpected<base::Error> wrong(std::string message) {
  return std::unexpected(base::Error{std::move(message)});
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = base::to_lower(c);
  return out;
}

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// A field of the framing, or one that we write: what a server reads there is not what the client sent.
base::Expected<void> check_field(std::string_view name) {
  if (!http::is_token(name)) return wrong(fmt::format("'{}' is no name of a header field", name));
  const auto field = http::field_of(name);
  if (field == http::Field::host) return wrong("the host has a form of its own: host:NAME");
  if (field == http::Field::cookie) return wrong("a cookie has a form of its own: cookie:NAME=VALUE");
  if (http::is_managed(field)) {
    return wrong(fmt::format("{} says nothing about a customer: the proxy writes or removes it", name));
  }
  return {};
}

bool is_host_label_byte(char c) {
  return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_';
}

// A name, an IPv4 address, or an IPv6 one in brackets.
bool is_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) {
    return http::parse_ip(host.substr(1, host.size() - 2)).has_value();
  }
  if (host.empty() || host.size() > 253) return false;
  for (std::size_t at = 0; at <= host.size();) {
    const auto dot = std::min(host.find('.', at), host.size());
    const auto label = host.substr(at, dot - at);
    if (label.empty() || label.size() > 63 || !std::all_of(label.begin(), label.end(), is_host_label_byte))
      return false;
    at = dot + 1;
  }
  return true;
}

// "10", "2.5", "0.25": with two digits behind the point at most.
std::optional<unsigned> parse_hundredths(std::string_view text) {
  const auto point = std::min(text.find('.'), text.size());
  const auto whole = base::parse_decimal(text.substr(0, point));
  if (!whole || *whole > 100 || point > 3) return std::nullopt;
  auto hundredths = static_cast<unsigned>(*whole) * hundredths_of_one;
  if (point == text.size()) return hundredths;
  const auto digits = text.substr(point + 1);
  const auto part = base::parse_decimal(digits);
  if (!part || digits.size() > 2) return std::nullopt;
  hundredths += static_cast<unsigned>(*part) * (digits.size() == 1 ? 10 : 1);
  return hundredths;
}

std::string format_hundredths(unsigned hundredths) {
  auto text = fmt::format("{}.{:02}", hundredths / hundredths_of_one, hundredths % hundredths_of_one);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::string_view name(SliceMatch::Kind kind) {
  switch (kind) {
    case Kind::header:
      return "header";
    case Kind::cookie:
      return "cookie";
    case Kind::host:
      return "host";
    case Kind::path:
      return "path";
    case Kind::percent:
      return "percent";
  }
  return "unknown";
}

base::Expected<SliceMatch> SliceMatch::parse(std::string_view text) {
  text = base::trim(text);
  if (text.size() > bytes_max) return wrong(fmt::format("a match has at most {} bytes", bytes_max));
  if (has_controls(text)) return wrong("a match has no control characters");
  const auto colon = std::min(text.find(':'), text.size());
  const auto kind = base::trim(text.substr(0, colon));
  const auto rest = base::trim(text.substr(std::min(text.size(), colon + 1)));
  if (colon < text.size()) {
    if (kind == "header") return parse_valued(Kind::header, rest);
    if (kind == "cookie") return parse_valued(Kind::cookie, rest);
    if (kind == "host") return parse_host(rest);
    if (kind == "path") return parse_path(rest);
    if (kind == "percent") return parse_percent(rest);
  }
  return wrong(
      fmt::format("'{}' is no match; it looks like header:NAME=VALUE, cookie:NAME=VALUE, host:NAME, path:/PREFIX, "
                  "'percent:10 by address' or 'percent:10 by cookie:NAME'",
                  text));
}

base::Expected<SliceMatch> SliceMatch::parse_valued(Kind kind, std::string_view rest) {
  const auto equals = std::min(rest.find('='), rest.size());
  SliceMatch match;
  match.kind_ = kind;
  match.name_ = base::trim(rest.substr(0, equals));
  match.value_ = base::trim(rest.substr(std::min(rest.size(), equals + 1)));
  const auto word = core::name(kind);
  if (match.name_.empty() || match.value_.empty()) {
    return wrong(fmt::format("'{}:{}' looks like {}:NAME=VALUE, with both", word, rest, word));
  }
  if (kind == Kind::header) {
    if (auto checked = check_field(match.name_); !checked) return std::unexpected(checked.error());
  } else if (!http::is_token(match.name_)) {
    return wrong(fmt::format("'{}' is no name of a cookie", match.name_));
  } else if (match.value_.find(';') != std::string::npos) {
    return wrong("a cookie's value has no ';'");
  } else if (match.value_.size() >= 2 && match.value_.front() == '"' && match.value_.back() == '"') {
    match.value_ = match.value_.substr(1, match.value_.size() - 2);
    if (match.value_.empty()) return wrong("a cookie without a value names nobody");
  }
  const auto key_name = kind == Kind::header ? lower(match.name_) : match.name_;
  match.key_ = fmt::format("{}:{}={}", word, key_name, match.value_);
  match.text_ = fmt::format("{}:{}={}", word, match.name_, match.value_);
  return match;
}

base::Expected<SliceMatch> SliceMatch::parse_host(std::string_view rest) {
  SliceMatch match;
  match.kind_ = Kind::host;
  match.name_ = lower(rest);
  if (match.name_.ends_with('.')) match.name_.pop_back();
  const auto name = std::string_view(match.name_);
  if (!is_host(name.starts_with("*.") ? name.substr(2) : name)) {
    return wrong(
        fmt::format("'{}' is no host; it looks like acme.example.com or *.eu.example.com, without a port", rest));
  }
  match.key_ = match.text_ = fmt::format("host:{}", name);
  return match;
}

base::Expected<SliceMatch> SliceMatch::parse_path(std::string_view rest) {
  SliceMatch match;
  match.kind_ = Kind::path;
  const bool prefix = rest.find('*') == std::string_view::npos;
  while (prefix && rest.size() > 1 && rest.ends_with('/')) rest.remove_suffix(1);
  if (rest == "/" || rest == "/**" || rest == "**") return wrong("that is every path: leave --match out");
  auto glob = Glob::parse(rest);
  if (!glob) return wrong(fmt::format("path '{}': {}", rest, glob.error().message));
  const std::string pattern(glob->text());
  match.globs_.push_back(std::move(*glob));
  if (prefix) match.globs_.push_back(*Glob::parse(pattern + "/**"));
  match.key_ = match.text_ = fmt::format("path:{}", pattern);
  return match;
}

base::Expected<SliceMatch> SliceMatch::parse_percent(std::string_view rest) {
  SliceMatch match;
  match.kind_ = Kind::percent;
  const auto blank = std::min(rest.find_first_of(" \t"), rest.size());
  auto number = rest.substr(0, blank);
  auto by = base::trim(rest.substr(blank));
  if (number.ends_with('%')) number.remove_suffix(1);
  const auto hundredths = parse_hundredths(number);
  if (!hundredths || *hundredths == 0 || *hundredths > bucket_count) {
    return wrong(fmt::format(
        "'{}' is no percentage: more than 0 and at most 100, with at most two digits behind the point", number));
  }
  match.hundredths_ = *hundredths;
  if (by.empty()) by = "by address";
  if (by.starts_with("by ") || by.starts_with("by\t")) by = base::trim(by.substr(2));
  if (by.starts_with("cookie:")) {
    match.name_ = by.substr(std::string_view("cookie:").size());
    if (!http::is_token(match.name_)) return wrong(fmt::format("'{}' is no name of a cookie", match.name_));
    match.key_ = fmt::format("percent by cookie:{}", match.name_);
  } else if (by == "address") {
    match.key_ = "percent by address";
  } else {
    return wrong(fmt::format("a percentage is 'by address' or 'by cookie:NAME', not '{}'", by));
  }
  match.text_ =
      fmt::format("percent:{} {}", format_hundredths(match.hundredths_), match.key_.substr(sizeof "percent"));
  return match;
}

}  // namespace drawbridge::core
