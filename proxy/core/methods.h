#pragma once

#include "proxy/core/rule.h"

#include <array>
#include <cstddef>
#include <string_view>

namespace drawbridge::core {

struct RequestFacts;

// The methods a server may act on: the one of the request line, and those that override fields and `_method` in the
// query ask for. An override can make a request a write, never a read: so one that asks for a safe method counts
// where a prohibition is looked for, and is ignored where permission is.
class EffectiveMethods {
 public:
  // Views into `facts`.
  explicit EffectiveMethods(const RequestFacts& facts);

  Methods all() const { return {list_.data(), count_}; }
  Methods unsafe_overrides_too() const { return {list_.data(), unsafe_end_}; }  // request line and unsafe overrides
  bool request_line_safe() const { return safe_; }
  bool overridden() const { return unsafe_end_ > 1; }  // to something that may write

  // GET, HEAD and OPTIONS. Case counts.
  static bool is_safe(std::string_view method);

 private:
  static constexpr std::size_t methods_max = 10;

  void add(std::string_view method);
  void add_query(std::string_view query);

  std::array<std::string_view, methods_max> list_;  // request line, unsafe overrides, safe overrides
  std::size_t count_ = 0;
  std::size_t unsafe_end_ = 0;
  bool safe_ = false;
};

}  // namespace drawbridge::core
