#include "proxy/admin/json_reader.h"

#include "config/nearest.h"
#include "proxy/base/limits.h"

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace drawbridge::admin {

namespace json = boost::json;

namespace {

// Control bytes would reach terminals and log lines through names and reasons.
bool is_printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

}  // namespace

JsonReader::JsonReader(std::string_view body) {
  if (body.empty()) {
    fail("the body is empty; a JSON object is expected");
    return;
  }
  json::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) {
    fail(fmt::format("the body is not JSON: {}", error.message()));
    return;
  }
  if (!value.is_object()) {
    fail("the body is JSON but no object");
    return;
  }
  object_ = std::move(value.get_object());
}

const json::value* JsonReader::take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return object_.if_contains(key);
}

bool JsonReader::has(std::string_view key) const {
  return object_.contains(key);
}

std::string JsonReader::lines(std::string_view key, std::size_t bytes_max) {
  const json::value* value = take(key);
  if (value == nullptr || !value->is_string()) return {};
  std::string text(value->get_string());
  if (text.size() > bytes_max) fail(fmt::format("'{}' is longer than {} bytes", key, bytes_max));
  auto shown = text;
  std::erase_if(shown, [](char c) { return c == '\n' || c == '\t'; });
  if (!is_printable(shown)) fail(fmt::format("'{}' holds control characters", key));
  return text;
}

std::string JsonReader::text(std::string_view key, std::size_t bytes_max) {
  const json::value* value = take(key);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    fail(fmt::format("'{}' must be a string", key));
    return {};
  }
  std::string text(value->get_string());
  if (text.size() > bytes_max) fail(fmt::format("'{}' is longer than {} bytes", key, bytes_max));
  if (!is_printable(text)) fail(fmt::format("'{}' holds control characters", key));
  return text;
}

std::string JsonReader::required_text(std::string_view key, std::size_t bytes_max) {
  std::string value = text(key, bytes_max);
  if (value.empty()) fail(fmt::format("'{}' is missing", key));
  return value;
}

bool JsonReader::flag(std::string_view key) {
  const json::value* value = take(key);
  if (value == nullptr) return false;
  if (!value->is_bool()) fail(fmt::format("'{}' must be true or false", key));
  return value->is_bool() && value->get_bool();
}

std::optional<std::uint64_t> JsonReader::number(std::string_view key) {
  const json::value* value = take(key);
  if (value == nullptr) return std::nullopt;
  json::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  if (error || value->is_double()) {
    fail(fmt::format("'{}' must be a whole number", key));
    return std::nullopt;
  }
  return number;
}

std::optional<base::Millis> JsonReader::duration(std::string_view key) {
  if (!has(key)) {
    take(key);
    return std::nullopt;
  }
  const std::string value = text(key);
  const auto parsed = base::parse_duration(value);
  if (parsed) return *parsed;
  fail(fmt::format("'{}': {}", key, parsed.error().message));
  return std::nullopt;
}

std::vector<std::string> JsonReader::texts(std::string_view key, std::size_t count_max, std::size_t bytes_max) {
  const json::value* value = take(key);
  std::vector<std::string> found;
  if (value == nullptr) return found;
  if (!value->is_array()) {
    fail(fmt::format("'{}' must be a list of strings", key));
    return found;
  }
  if (value->get_array().size() > count_max) fail(fmt::format("'{}' has more than {} entries", key, count_max));
  for (const json::value& entry : value->get_array()) {
    if (!entry.is_string() || entry.get_string().empty()) {
      fail(fmt::format("'{}' must be a list of strings, none of them empty", key));
      break;
    }
    found.emplace_back(entry.get_string());
    if (found.back().size() > bytes_max)
      fail(fmt::format("an entry of '{}' is longer than {} bytes", key, bytes_max));
    if (!is_printable(found.back())) fail(fmt::format("an entry of '{}' holds control characters", key));
  }
  return found;
}

void JsonReader::fail(std::string detail) {
  if (!failure_) failure_ = std::move(detail);
}

std::optional<Problem> JsonReader::problem() {
  for (const auto& member : object_) {
    const std::string key(member.key());
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const bool shown = key.size() <= 64 && is_printable(key);
    const std::vector<std::string_view> names(known_.begin(), known_.end());
    const auto meant = shown ? config::nearest(key, names) : std::string();
    fail(meant.empty() ? fmt::format("unknown key '{}'; there are: {}", shown ? key : "…", fmt::join(known_, ", "))
                       : fmt::format("unknown key '{}'; did you mean '{}'?", key, meant));
  }
  if (!failure_) return std::nullopt;
  return bad_request(*failure_);
}

}  // namespace drawbridge::admin
