#include "proxy/ctl/document.h"

#include <boost/json/parse.hpp>

#include <utility>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

// Names and reasons come from people and from requests: no escape sequence of theirs may reach the terminal.
std::string printable(std::string_view raw) {
  std::string shown;
  for (const char c : raw) shown += (c >= 0 && c < 0x20) || c == 0x7f ? '?' : c;
  return shown;
}

}  // namespace

std::optional<json::object> parse_object(std::string_view body) {
  json::error_code error;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return {};
  const auto& raw = value->get_string();
  return printable({raw.data(), raw.size()});
}

std::int64_t number(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_number()) return 0;
  json::error_code error;
  const auto read = value->to_number<std::int64_t>(error);
  return error ? 0 : read;
}

bool flag(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object& object_in(const json::object& object, std::string_view key) {
  static const json::object none;
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array none;
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

const json::object& as_object(const json::value& value) {
  static const json::object none;
  return value.is_object() ? value.get_object() : none;
}

std::string joined(const json::object& object, std::string_view key, std::string_view separator) {
  std::string all;
  for (const json::value& value : array_in(object, key)) {
    if (!value.is_string()) continue;
    if (!all.empty()) all += separator;
    all += printable({value.get_string().data(), value.get_string().size()});
  }
  return all;
}

std::optional<base::WallTime> time_in(const json::object& object, std::string_view key) {
  const std::string value = text(object, key);
  if (value.size() < 20) return std::nullopt;  // shorter ones would be times of day
  const auto parsed = base::parse_time(value, {});
  if (!parsed) return std::nullopt;
  return *parsed;
}

}  // namespace drawbridge::ctl
