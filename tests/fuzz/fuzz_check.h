#pragma once

#include "proxy/base/check.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// A fuzz target states what must hold for any input; what does not hold ends the program, which is the finding.
#define FUZZ_CHECK(expression) DRAWBRIDGE_CHECK(expression)

namespace drawbridge::fuzz {

// The first byte of an input decides how the rest is cut; the rest is what comes from the network.
struct Input {
  std::size_t step = 1;  // 1 … 64 bytes at a time
  unsigned flags = 0;    // two bits for the target
  std::string bytes;
};

inline Input take_apart(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return {};
  Input input;
  input.step = data[0] % 64U + 1;
  input.flags = data[0] / 64U;
  input.bytes.assign(data + 1, data + size);
  return input;
}

// How many lines of a head begin with this name, read as the simplest of servers would: split at LF, cut at the
// colon.
inline std::size_t count_fields(std::string_view head, std::string_view lower_case_name) {
  std::size_t count = 0;
  while (!head.empty()) {
    const auto end = head.find('\n');
    const auto line = head.substr(0, end);
    std::string name(line.substr(0, line.find(':')));
    for (auto& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.pop_back();
    if (name == lower_case_name && line.contains(':')) ++count;
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 1);
  }
  return count;
}

}  // namespace drawbridge::fuzz
