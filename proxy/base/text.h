#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace drawbridge::base {

namespace detail {

// First and last bytes, which overlap where the length is no power of two.
template <class Word>
[[gnu::always_inline]] inline void copy_ends(char* out, const char* from, std::size_t bytes) {
  Word first, last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + bytes - sizeof last, sizeof last);
  std::memcpy(out, &first, sizeof first);
  std::memcpy(out + bytes - sizeof last, &last, sizeof last);
}

}  // namespace detail

// Copies text to out, which has room for it, and returns where it ends there. For the short texts that lines and
// heads are made of: a call of memcpy costs more than they do. Always inline, so that literals become stores.
[[gnu::always_inline]] inline char* copy_short(char* out, std::string_view text) {
  const auto* from = text.data();
  const auto bytes = text.size();
  if (bytes > 32) {
    std::memcpy(out, from, bytes);
  } else if (bytes >= 16) {
    detail::copy_ends<std::uint64_t>(out, from, 16);
    detail::copy_ends<std::uint64_t>(out + bytes - 16, from + bytes - 16, 16);
  } else if (bytes >= 8) {
    detail::copy_ends<std::uint64_t>(out, from, bytes);
  } else if (bytes >= 4) {
    detail::copy_ends<std::uint32_t>(out, from, bytes);
  } else if (bytes >= 2) {
    detail::copy_ends<std::uint16_t>(out, from, bytes);
  } else if (bytes == 1) {
    *out = *from;
  }
  return out + bytes;
}

namespace detail {

inline constexpr auto digit_pairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

inline char* put_pair(char* out, std::uint64_t below_100) {
  std::memcpy(out, digit_pairs.data() + 2 * below_100, 2);
  return out + 2;
}

inline char* put_below_100(char* out, std::uint64_t value) {
  if (value >= 10) return put_pair(out, value);
  *out = static_cast<char>('0' + value);
  return out + 1;
}

}  // namespace detail

// Writes a number in decimal, at most 20 bytes, and returns where it ends.
inline char* put_decimal(char* out, std::uint64_t value) {
  if (value < 100) return detail::put_below_100(out, value);
  const auto rest = value % 100;
  out = value < 10'000 ? detail::put_below_100(out, value / 100) : put_decimal(out, value / 100);
  return detail::put_pair(out, rest);
}

}  // namespace drawbridge::base
