#pragma once

#include "proxy/admin/problem.h"
#include "proxy/base/time.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::admin {

// Takes the members of one JSON object by name, remembering the first thing that is wrong and what was asked for:
// what nobody asked for is unknown and refused. Ask for everything, then look at problem().
class JsonReader {
 public:
  explicit JsonReader(std::string_view body);

  bool has(std::string_view key) const;
  std::string text(std::string_view key, std::size_t bytes_max = 256);
  std::string lines(std::string_view key, std::size_t bytes_max);  // line ends and tabs are allowed
  std::string required_text(std::string_view key, std::size_t bytes_max = 256);
  bool flag(std::string_view key);
  std::optional<std::uint64_t> number(std::string_view key);
  std::optional<base::Millis> duration(std::string_view key);
  std::vector<std::string> texts(std::string_view key, std::size_t count_max, std::size_t bytes_max = 256);

  void fail(std::string detail);
  // The first thing that is wrong, unknown keys included; nullopt if all is well.
  std::optional<Problem> problem();

 private:
  const boost::json::value* take(std::string_view key);

  boost::json::object object_;
  std::vector<std::string> known_;
  std::optional<std::string> failure_;
};

}  // namespace drawbridge::admin
