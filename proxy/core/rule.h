#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/glob.h"

#include <span>
#include <string>
#include <string_view>

namespace drawbridge::core {

class Readings;  // core/readings.h: the normal form of a path and every other way a server may read it

// The methods a server may act on: the one of the request line first, then those that override fields ask for.
// These compare without regard to case, as servers fold them.
using Methods = std::span<const std::string_view>;

// "METHOD glob" (core/glob.h): `*` as method is any. Case counts. A rule for GET speaks of HEAD too: servers run
// the same code for both.
class Rule {
 public:
  // One blank or more between method and glob. The error says what is wrong with which part, for a person.
  static base::Expected<Rule> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::string_view path_head() const { return glob_.head(); }  // a path that matches begins with it

  // One method and one reading of the path match (write rules: the strictest answer is "it matches").
  bool matches_any(Methods methods, const Readings& readings) const;
  // Every method and every reading matches, and nobody doubts the path (read and exempt rules).
  bool matches_all(Methods methods, const Readings& readings) const;

 private:
  Rule(std::string text, std::string method, Glob glob);
  bool matches_method(Methods methods, std::size_t index) const;

  std::string text_;
  std::string method_;  // "*" is any
  Glob glob_;
};

}  // namespace drawbridge::core
