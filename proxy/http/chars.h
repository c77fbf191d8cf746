#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace drawbridge::http {

// Classes of bytes, one bit each.
enum CharClass : std::uint8_t {
  token_char = 1,     // tchar of RFC 9110 section 5.6.2
  path_char = 2,      // what a path may hold
  query_char = 4,     // what a query may hold
  host_char = 8,      // what a registered name may hold
  control_char = 16,  // no field line may hold it: C0 but HTAB, and DEL
  name_char = 32,     // a letter, a digit or a hyphen
};

namespace detail {

constexpr void mark(std::array<std::uint8_t, 256>& table, const char* bytes, unsigned classes) {
  for (; *bytes != 0; ++bytes) {
    auto& entry = table[static_cast<unsigned char>(*bytes)];
    entry = static_cast<std::uint8_t>(entry | classes);
  }
}

constexpr std::array<std::uint8_t, 256> make_char_classes() {
  std::array<std::uint8_t, 256> table{};
  mark(table, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
       token_char | path_char | query_char | host_char | name_char);
  mark(table, "-", name_char);
  mark(table, "!#$%&'*+-.^_`|~", token_char);
  mark(table, "-._~", host_char);
  // RFC 3986 section 3.3, and the bytes beyond it that browsers send unescaped (URL standard, percent-encode sets).
  mark(table, "-._~%!$&'()*+,;=:@/[]|^", path_char | query_char);
  mark(table, "?{}`\\", query_char);
  for (unsigned c = 0; c < 0x20; ++c) table[c] = control_char;
  table['\t'] = 0;
  table[0x7f] = control_char;
  return table;
}

inline constexpr auto char_classes = make_char_classes();

}  // namespace detail

constexpr bool is(char c, unsigned classes) {
  return (detail::char_classes[static_cast<unsigned char>(c)] & classes) != 0;
}

#if defined(__SSE2__)
// A bit for each control byte (C0 but HTAB, or DEL) of sixteen.
inline unsigned control_mask(const char* at) {
  const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const auto low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const auto is_tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const auto is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(is_tab, low), is_del)));
}
#endif

// How many of the sixteen bytes from `at` on are letters, digits and hyphens before the first that is none. Of
// these nearly all field names consist.
inline std::size_t count_name_bytes(const char* at) {
#if defined(__SSE2__)
  const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const auto within = [](__m128i some, char first, char last) {  // as signed numbers: what is not ASCII is below
    return _mm_and_si128(_mm_cmpgt_epi8(some, _mm_set1_epi8(static_cast<char>(first - 1))),
                         _mm_cmplt_epi8(some, _mm_set1_epi8(static_cast<char>(last + 1))));
  };
  const auto letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
  const auto others = _mm_or_si128(within(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
  const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letters, others)));
  return static_cast<std::size_t>(__builtin_ctz(~mask));
#else
  std::size_t count = 0;
  while (count < 16 && is(at[count], name_char)) ++count;
  return count;
#endif
}

// The first control byte (C0 but HTAB, or DEL) in [at, end), or end. It is where a line ends, or why it is refused.
// Bytes from `readable` on may be read, so that the last few are looked at together with those before them.
inline const char* find_control(const char* readable, const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const auto mask = control_mask(at);
    if (mask != 0) return at + __builtin_ctz(mask);
  }
  if (at != end && end - readable >= 16) {
    const auto mask = control_mask(end - 16) >> (16 - (end - at));
    return mask != 0 ? at + __builtin_ctz(mask) : end;
  }
#else
  static_cast<void>(readable);
#endif
  while (at != end && !is(*at, control_char)) ++at;
  return at;
}

inline const char* find_control(const char* at, const char* end) {
  return find_control(at, at, end);
}

}  // namespace drawbridge::http
