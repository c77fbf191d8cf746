#include "proxy/control/json_fields.h"

#include <fmt/format.h>

#include <utility>

namespace drawbridge::control {
namespace {

const boost::json::value null_value;

}  // namespace

JsonFields::JsonFields(const boost::json::value& value, std::string where)
    : object_(value.if_object()), where_(std::move(where)) {
  if (object_ == nullptr) problem_ = where_ + ": not an object";
}

bool JsonFields::has(std::string_view key) const {
  return object_ != nullptr && object_->contains(key);
}

const boost::json::value& JsonFields::value(std::string_view key) {
  const auto* found = object_ == nullptr ? nullptr : object_->if_contains(key);
  if (found == nullptr) {
    fail(key, "is missing");
    return null_value;
  }
  ++taken_;
  return *found;
}

std::string JsonFields::text(std::string_view key) {
  const auto* text = value(key).if_string();
  if (text == nullptr) fail(key, "is not a text");
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::uint64_t JsonFields::number(std::string_view key) {
  const auto number = integer(key);
  if (number < 0) fail(key, "is negative");
  return number < 0 ? 0 : static_cast<std::uint64_t>(number);
}

std::int64_t JsonFields::integer(std::string_view key) {
  const auto* number = value(key).if_int64();
  if (number == nullptr) fail(key, "is not a whole number");
  return number == nullptr ? 0 : *number;
}

bool JsonFields::boolean(std::string_view key) {
  const auto* truth = value(key).if_bool();
  if (truth == nullptr) fail(key, "is neither true nor false");
  return truth != nullptr && *truth;
}

base::WallTime JsonFields::time(std::string_view key) {
  const auto written = text(key);
  const auto parsed = base::parse_time(written, {});
  // Only as we write them: of the other forms some have no day, and some lie beyond what format_time can say.
  if (!parsed || base::format_time(*parsed) != written) fail(key, "is not a time");
  return parsed.value_or(base::WallTime{});
}

void JsonFields::fail(std::string_view key, std::string_view what) {
  if (problem_.empty()) problem_ = fmt::format("{}: '{}' {}", where_, key, what);
}

std::string JsonFields::finish() {
  if (problem_.empty() && taken_ != object_->size()) problem_ = where_ + ": has a key that is not known";
  return problem_;
}

}  // namespace drawbridge::control
