#include "proxy/core/glob.h"

#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <utility>

namespace drawbridge::core {
namespace {

using base::Error;

constexpr std::string_view hex_digits = "0123456789ABCDEF";

void put_escape(std::string& out, unsigned byte) {
  out += '%';
  out += hex_digits[byte / 16];
  out += hex_digits[byte % 16];
}

// Bytes that stand in a path as they are. '*' is not among them: an escaped star must not become one.
bool stands_for_itself(char c) {
  return base::is_alpha(c) || base::is_digit(c) ||
         std::string_view("-._~!$&'(),;=:@+[]|^").find(c) != std::string_view::npos;
}

base::Expected<std::string> normal_pattern(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      const bool complete =
          i + 2 < text.size() && base::hex_value(text[i + 1]) >= 0 && base::hex_value(text[i + 2]) >= 0;
      if (!complete)
        return std::unexpected(Error{"a '%' stands before two hexadecimal digits; write %25 for itself"});
      const int byte = base::hex_value(text[i + 1]) * 16 + base::hex_value(text[i + 2]);
      if (stands_for_itself(static_cast<char>(byte))) {
        out += static_cast<char>(byte);
      } else {
        put_escape(out, static_cast<unsigned>(byte));
      }
      i += 2;
    } else if (c == '?') {
      return std::unexpected(Error{"'?' has no meaning in a rule: it sees the path, not the query"});
    } else if (c == '/' || c == '*' || stands_for_itself(c)) {
      out += c;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      put_escape(out, static_cast<unsigned char>(c));
    } else {
      const auto byte = static_cast<unsigned char>(c);
      const auto shown = byte > 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
      return std::unexpected(
          Error{fmt::format("'{}' has no meaning in a rule; write %{:02X} for the byte itself", shown, byte)});
    }
  }
  return out;
}

base::Expected<std::string> check_segments(std::string pattern) {
  if (!pattern.starts_with('/')) return std::unexpected(Error{"a path begins with '/'; write /** for any"});
  if (pattern.find("***") != std::string::npos)
    return std::unexpected(Error{"'***' has no meaning; write * or **"});
  const bool empty = pattern.find("//") != std::string::npos;
  const auto closed = pattern + "/";
  if (empty || closed.find("/./") != std::string::npos || closed.find("/../") != std::string::npos) {
    return std::unexpected(Error{"it never matches: paths are compared without empty, '.' and '..' segments"});
  }
  if (pattern.size() > Glob::bytes_max) {
    return std::unexpected(Error{fmt::format("a path pattern has at most {} bytes", Glob::bytes_max)});
  }
  return pattern;
}

enum class Star : std::uint8_t { none, segment, deep };

Star take_star(std::string_view& pattern) {
  if (!pattern.starts_with('*')) return Star::none;
  const bool deep = pattern.starts_with("**");
  pattern.remove_prefix(deep ? 2 : 1);
  return deep ? Star::deep : Star::segment;
}

// "/**/" may be one slash, and several of them in a row too.
template <class Places>
void skip_optional(Places& at, const Places& optional_slashes) {
  for (auto next = (at & optional_slashes) << 1; (next & ~at).any(); next = (at & optional_slashes) << 1)
    at |= next;
}

// All places in the pattern at which a match may stand, as bits: place i is before literal i, and a star there lets
// it stay. One step a byte, whatever the stars: an ambiguous pattern costs no more than a plain one.
template <class Places>
bool run(std::string_view pattern, std::string_view path, bool after_slash) {
  std::array<Places, 256> literal{};  // for each byte the places that it leads to
  Places segment_stars, deep_stars, optional_slashes;
  std::size_t place = 0;
  bool slash_before = after_slash;
  for (auto rest = pattern;;) {
    const auto star = take_star(rest);
    if (star == Star::segment) segment_stars.set(place);
    if (star == Star::deep) deep_stars.set(place);
    if (rest.empty()) break;
    const char c = rest.front();
    if (star == Star::deep && slash_before && c == '/') optional_slashes.set(place);
    literal[static_cast<unsigned char>(c)].set(++place);
    slash_before = c == '/';
    rest.remove_prefix(1);
  }

  Places at;
  at.set(0);
  if (after_slash) skip_optional(at, optional_slashes);
  for (const char c : path) {
    const auto stay = c == '/' ? at & deep_stars : at & (deep_stars | segment_stars);
    at = ((at << 1) & literal[static_cast<unsigned char>(c)]) | stay;
    if (c == '/') skip_optional(at, optional_slashes);
    if (at.none()) return false;
  }
  return at.test(place);
}

}  // namespace

base::Expected<Glob> Glob::parse(std::string_view text) {
  auto pattern = normal_pattern(text == "**" ? "/**" : text);
  if (!pattern) return std::unexpected(std::move(pattern.error()));
  pattern = check_segments(*std::move(pattern));
  if (!pattern) return std::unexpected(std::move(pattern.error()));
  return Glob(*std::move(pattern));
}

Glob::Glob(std::string pattern) : pattern_(std::move(pattern)), head_bytes_(pattern_.size()) {
  const auto first = pattern_.find('*');
  if (first == std::string::npos) return;
  head_bytes_ = first;
  tail_bytes_ = pattern_.size() - pattern_.rfind('*') - 1;
  for (auto i = first; i < pattern_.size() - tail_bytes_; ++i) literals_ += pattern_[i] == '*' ? 0 : 1;
}

bool Glob::matches(std::string_view path) const {
  const std::string_view pattern = pattern_;
  if (head_bytes_ == pattern.size()) return path == pattern;
  if (!path.starts_with(pattern.substr(0, head_bytes_))) return false;
  const auto stars = pattern.substr(head_bytes_, pattern.size() - head_bytes_ - tail_bytes_);
  const auto tail = pattern.substr(pattern.size() - tail_bytes_);
  path.remove_prefix(head_bytes_);
  // The common shapes: one star, and nothing optional behind it.
  if (literals_ == 0 && !(stars == "**" && tail.starts_with('/'))) {
    if (!path.ends_with(tail)) return false;
    return stars == "**" || path.substr(0, path.size() - tail.size()).find('/') == std::string_view::npos;
  }
  const bool after_slash = head_bytes_ > 0 && pattern[head_bytes_ - 1] == '/';
  const auto rest = pattern.substr(head_bytes_);
  if (literals_ + tail_bytes_ < 64) return run<std::bitset<64>>(rest, path, after_slash);
  return run<std::bitset<256>>(rest, path, after_slash);
}

}  // namespace drawbridge::core
