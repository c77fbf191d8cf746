#pragma once

#include "proxy/base/failure.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

struct Readings;  // core/readings.h: the normal form of a path and every other way a server may read it

// "METHOD glob": `*` as method is any; in the glob `*` stays inside a segment, `**` crosses segments. Case counts.
class Rule {
 public:
  static base::Expected<Rule> parse(std::string_view text);

  const std::string& text() const { return text_; }

  // At least one reading of the path matches (write rules: the strictest answer is "it matches").
  bool matches_any(std::string_view method, const Readings& readings) const;
  // Every reading matches, and the path has no reading that we cannot judge (read and exempt rules).
  bool matches_all(std::string_view method, const Readings& readings) const;

 private:
  std::string text_;
  std::string method_;  // "*" is any
  std::string glob_;
};

// The rules of one site. Order inside a list does not matter: all lists are searched to the first match.
struct RuleSet {
  std::vector<Rule> read, write, exempt;
};

}  // namespace drawbridge::core
