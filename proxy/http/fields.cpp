#include "proxy/http/fields.h"

#include "proxy/base/ascii.h"
#include "proxy/http/chars.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace drawbridge::http {
namespace {

constexpr std::array<std::string_view, field_count> names{
    "",
    "Host",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Expect",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Authentication-Info",
    "HTTP2-Settings",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "Forwarded",
    "Via",
    "X-Request-Id",
    "X-Client-Certificate-Subject",
    "Date",
    "Drawbridge-Not-Processed",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Age",
    "Authorization",
    "Cache-Control",
    "Content-Encoding",
    "Content-Language",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "ETag",
    "Expires",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Last-Modified",
    "Location",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Range",
    "Referer",
    "Retry-After",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Key",
    "Server",
    "Set-Cookie",
    "User-Agent",
    "Vary",
    "WWW-Authenticate",
};
static_assert(!names.back().empty(), "the table is shorter than the enumeration");

constexpr std::size_t slot_count = 512;

// Length, first, last and middle letter tell the names of the table apart; collisions stop the build.
constexpr std::size_t slot_of(std::string_view name, std::size_t seed) {
  const auto letter = [&](std::size_t i) { return static_cast<std::size_t>(name[i] | 0x20); };
  const auto n = name.size();
  return (n * 7 + letter(0) * seed + letter(n - 1) * (seed * 5 + 3) + letter(n / 2) * 31) % slot_count;
}

constexpr bool separates(std::size_t seed) {
  std::array<bool, slot_count> taken{};
  for (std::size_t i = 1; i < field_count; ++i) {
    auto& slot = taken[slot_of(names[i], seed)];
    if (slot) return false;
    slot = true;
  }
  return true;
}

constexpr std::size_t find_seed() {
  for (std::size_t seed = 1; seed < 400; ++seed) {
    if (separates(seed)) return seed;
  }
  return 0;
}

constexpr std::size_t seed = find_seed();
static_assert(seed != 0, "no seed separates the field names: change slot_of");

constexpr auto slots = [] {
  std::array<Field, slot_count> table{};
  for (std::size_t i = 1; i < field_count; ++i) table[slot_of(names[i], seed)] = static_cast<Field>(i);
  return table;
}();

constexpr std::size_t name_bytes_max = 32;

constexpr auto lower_case_names = [] {
  std::array<std::array<char, name_bytes_max>, field_count> table{};
  for (std::size_t i = 1; i < field_count; ++i) std::ranges::transform(names[i], table[i].begin(), base::to_lower);
  return table;
}();

constexpr auto name_bytes_of = [] {
  std::array<std::uint8_t, field_count> table{};
  for (std::size_t i = 0; i < field_count; ++i) table[i] = static_cast<std::uint8_t>(names[i].size());
  return table;
}();

#if defined(__SSE2__)
// Bit 5 where a letter stands: what must be set in a name to compare it without regard to case.
constexpr auto case_bits_of = [] {
  std::array<std::array<char, name_bytes_max>, field_count> table{};
  const auto bit = [](char c) { return base::is_alpha(c) ? ' ' : '\0'; };
  for (std::size_t i = 1; i < field_count; ++i) std::ranges::transform(names[i], table[i].begin(), bit);
  return table;
}();

__m128i load_bytes(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

#endif

std::uint64_t load_word(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Equality without regard to case, eight bytes at a time: byte by byte it was a tenth of the cost of a head.
// Setting bit 5 makes letters lower-case and leaves digits and hyphens alone; other bytes that it turns into one of
// those are control bytes, which no token holds.
bool same_name(std::string_view name, std::size_t index) {
  const auto& known = lower_case_names[index];
  if (name.size() != name_bytes_of[index]) return false;
  if (name.size() < sizeof(std::uint64_t)) return base::iequals(name, names[index]);
  constexpr std::uint64_t case_bits = 0x2020202020202020U;
  const auto differ = [&](std::size_t at) {
    return ((load_word(name.data() + at) | case_bits) ^ load_word(known.data() + at)) != 0;
  };
  const auto last = name.size() - sizeof(std::uint64_t);
  for (std::size_t at = 0; at < last; at += sizeof(std::uint64_t)) {
    if (differ(at)) return false;
  }
  return !differ(last);
}

}  // namespace

Field field_of(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max) return Field::other;
  const auto field = slots[slot_of(name, seed)];
  return same_name(name, static_cast<std::size_t>(field)) ? field : Field::other;
}

Field field_of_readable(std::string_view name) {
#if defined(__SSE2__)
  const auto field = slots[slot_of(name, seed)];
  const auto index = static_cast<std::size_t>(field);
  if (name_bytes_of[index] != name.size()) return Field::other;
  const auto differ = [&](std::size_t at) {
    const auto folded = _mm_or_si128(load_bytes(name.data() + at), load_bytes(case_bits_of[index].data() + at));
    const auto same = _mm_cmpeq_epi8(folded, load_bytes(lower_case_names[index].data() + at));
    return ~static_cast<unsigned>(_mm_movemask_epi8(same)) & 0xffffU;
  };
  const auto bytes_meant = (1U << name.size()) - 1;
  if ((differ(0) & bytes_meant) != 0) return Field::other;
  return name.size() <= 16 || (differ(16) & bytes_meant >> 16U) == 0 ? field : Field::other;
#else
  return is_token(name) ? field_of(name) : Field::other;
#endif
}

std::string_view name(Field field) {
  return names[static_cast<std::size_t>(field)];
}

bool is_managed(Field field) {
  return field > Field::other && field <= Field::x_method_override;
}

Field disguised_field(std::string_view name) {
  if (name.size() > name_bytes_max || !name.contains('_')) return Field::other;
  std::array<char, name_bytes_max> plain{};
  for (std::size_t i = 0; i < name.size(); ++i) plain[i] = name[i] == '_' ? '-' : name[i];
  const auto field = field_of({plain.data(), name.size()});
  return is_managed(field) ? field : Field::other;
}

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is(c, token_char)) return false;
  }
  return true;
}

}  // namespace drawbridge::http
