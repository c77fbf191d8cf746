#pragma once

#include "proxy/base/time.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::control {

// Takes the members of a JSON object one by one and remembers the first thing that was wrong: a missing key, a
// wrong type, and in finish() a key that nobody took. What is wrong reads as an empty value.
class JsonFields {
 public:
  // `where` names the object in messages: "site shop".
  JsonFields(const boost::json::value& value, std::string where);

  bool has(std::string_view key) const;
  std::string text(std::string_view key);
  std::uint64_t number(std::string_view key);
  std::int64_t integer(std::string_view key);
  bool boolean(std::string_view key);
  base::WallTime time(std::string_view key);
  const boost::json::value& value(std::string_view key);  // null if missing

  // A word of a closed set: parse_mode and its like.
  template <class Parse>
  auto word(std::string_view key, Parse parse) {
    const auto written = text(key);
    const auto parsed = parse(std::string_view(written));
    if (!parsed) fail(key, "is not one of the known words");
    return parsed.value_or(typename decltype(parsed)::value_type{});
  }

  void fail(std::string_view key, std::string_view what);
  // Every key was taken. The first problem, or empty.
  std::string finish();

 private:
  const boost::json::object* object_ = nullptr;
  std::string where_;
  std::string problem_;
  std::size_t taken_ = 0;
};

}  // namespace drawbridge::control
