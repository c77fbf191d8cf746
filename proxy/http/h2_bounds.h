#pragma once

#include "proxy/base/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drawbridge::http {

// What a side of an HTTP/2 connection may do only so often. Each is one row of `h2_bounds`.
enum class H2Excess : std::uint8_t {
  continuations,
  head_bytes,
  resets,
  settings,
  pings,
  priorities,
  empty_frames,
  tiny_frames,
  other_frames,
};

inline constexpr std::size_t h2_excess_count = static_cast<std::size_t>(H2Excess::other_frames) + 1;

// `burst` at once, then `per_second` (0: the burst is for one header block, and is not given back by time).
struct H2Bound {
  H2Excess excess;
  std::uint32_t burst;
  std::uint32_t per_second;
  std::string_view name;     // what goes to the log
  std::string_view answers;  // the CVE that it answers
  std::string_view why;
};

// One row an excess, in the order of the enumeration.
extern const std::array<H2Bound, h2_excess_count> h2_bounds;

// Counts against the bounds, for one connection: a bucket of tokens for each. Time as a parameter.
class H2Budget {
 public:
  explicit H2Budget(base::SteadyTime now);

  // False if that is too much.
  bool spend(H2Excess excess, base::SteadyTime now, std::uint32_t tokens = 1);
  // A new header block begins: the bounds of one block are whole again.
  void new_block();

 private:
  struct Bucket {
    double tokens = 0;
    base::SteadyTime at{};
  };
  std::array<Bucket, h2_excess_count> buckets_;
};

}  // namespace drawbridge::http
