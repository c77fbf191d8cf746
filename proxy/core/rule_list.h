#pragma once

#include "proxy/core/rule.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// Rules of one kind; all are searched to the first match, in the order they were written. What the first bytes of a
// path can tell is kept apart from the rules: a request that no rule means reads a word of the list, or a line of
// memory for each four of them, and not three for each one. Built once, then read-only.
class RuleList {
 public:
  RuleList() = default;
  RuleList(std::vector<Rule> rules);

  void push_back(Rule rule);
  bool empty() const { return beginnings_ == 0; }

  // The first that matches one method and one reading; every method and every reading. Null: none.
  const Rule* find_any(Methods methods, const Readings& readings) const;
  const Rule* find_all(Methods methods, const Readings& readings) const;

 private:
  // What a path must begin with, as far as eight bytes say it.
  struct Mark {
    std::uint64_t bytes = 0;
    std::uint64_t mask = 0;
  };

  struct Rows {
    std::vector<Mark> marks;  // of the rules, one each
    std::vector<Rule> rules;
  };

  std::uint64_t beginnings_ = 0;  // a bit for each second and third byte that a rule wants; all: it wants none
  std::unique_ptr<Rows> rows_;    // null: no rules
};

// The rules of one site.
struct RuleSet {
  RuleList read, write, exempt;
};

}  // namespace drawbridge::core
