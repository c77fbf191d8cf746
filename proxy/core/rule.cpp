#include "proxy/core/rule.h"

#include "proxy/base/ascii.h"
#include "proxy/core/readings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::core {
namespace {

using base::Error;

constexpr std::size_t method_bytes_max = 32;

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= method_bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) ||
           std::string_view("!#$%&'+-.^_`|~").find(c) != std::string_view::npos;
  });
}

base::Expected<std::string> parse_method(std::string_view text) {
  if (text == "*") return std::string(text);
  if (!is_method(text))
    return std::unexpected(Error{fmt::format("'{}' is not a method; write GET, POST … or *", text)});
  if (std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    std::string upper(text);
    for (char& c : upper) c = base::to_upper(c);
    return std::unexpected(
        Error{fmt::format("'{}' never matches: methods are in capitals; write {}", text, upper)});
  }
  return std::string(text);
}

}  // namespace

base::Expected<Rule> Rule::parse(std::string_view text) {
  const auto gap = text.find_first_of(" \t");
  if (gap == std::string_view::npos) {
    const auto example = text.starts_with('/') ? fmt::format("* {}", text) : std::string("POST /search/**");
    return std::unexpected(
        Error{fmt::format("'{}' is not a rule; write a method and a path, such as \"{}\"", text, example)});
  }
  auto method = parse_method(text.substr(0, gap));
  if (!method) return std::unexpected(std::move(method.error()));
  const auto pattern = base::trim(text.substr(gap));
  auto glob = Glob::parse(pattern);
  if (!glob) return std::unexpected(Error{fmt::format("path '{}': {}", pattern, glob.error().message)});
  auto shown = fmt::format("{} {}", *method, pattern);
  return Rule(std::move(shown), *std::move(method), *std::move(glob));
}

Rule::Rule(std::string text, std::string method, Glob glob)
    : text_(std::move(text)), method_(std::move(method)), glob_(std::move(glob)) {}

bool Rule::matches_method(Methods methods, std::size_t index) const {
  if (method_ == "*") return true;
  if (method_ == "GET" && methods[index] == "HEAD") return true;
  return index == 0 ? methods[index] == method_ : base::iequals(methods[index], method_);
}

bool Rule::matches_any(Methods methods, const Readings& readings) const {
  bool method = false;
  for (std::size_t i = 0; i < methods.size(); ++i) method = method || matches_method(methods, i);
  if (!method) return false;
  const auto all = readings.all();
  return std::any_of(all.begin(), all.end(), [&](std::string_view reading) { return glob_.matches(reading); });
}

bool Rule::matches_all(Methods methods, const Readings& readings) const {
  if (readings.unjudgeable()) return false;
  for (std::size_t i = 0; i < methods.size(); ++i) {
    if (!matches_method(methods, i)) return false;
  }
  const auto all = readings.all();
  return std::all_of(all.begin(), all.end(), [&](std::string_view reading) { return glob_.matches(reading); });
}

}  // namespace drawbridge::core
