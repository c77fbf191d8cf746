#include "proxy/base/sha1.h"

#include <bit>
#include <cstddef>
#include <string>

namespace drawbridge::base {
namespace {

constexpr std::size_t block_bytes = 64;

using State = std::array<std::uint32_t, 5>;

std::string padded(std::string_view text) {
  std::string message(text);
  message += '\x80';
  while (message.size() % block_bytes != block_bytes - 8) message += '\0';
  const std::uint64_t bits = std::uint64_t{text.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) message += static_cast<char>(bits >> shift);
  return message;
}

std::array<std::uint32_t, 80> schedule(std::string_view block) {
  std::array<std::uint32_t, 80> words{};
  for (std::size_t i = 0; i < block_bytes; ++i) {
    words[i / 4] = words[i / 4] << 8 | static_cast<unsigned char>(block[i]);
  }
  for (std::size_t i = 16; i < words.size(); ++i) {
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  }
  return words;
}

// RFC 3174 section 5: the function and the constant of a round.
std::uint32_t mix(std::size_t round, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5A827999U;
  if (round < 40) return (b ^ c ^ d) + 0x6ED9EBA1U;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCU;
  return (b ^ c ^ d) + 0xCA62C1D6U;
}

void add_block(State& state, std::string_view block) {
  const auto words = schedule(block);
  auto [a, b, c, d, e] = state;
  for (std::size_t round = 0; round < words.size(); ++round) {
    const auto next = std::rotl(a, 5) + mix(round, b, c, d) + e + words[round];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const State grown{a, b, c, d, e};
  for (std::size_t i = 0; i < state.size(); ++i) state[i] += grown[i];
}

}  // namespace

std::array<std::uint8_t, 20> sha1(std::string_view text) {
  State state{0x67452301U, 0xEFCDAB89U, 0x98BADCFEU, 0x10325476U, 0xC3D2E1F0U};
  const auto message = padded(text);
  for (std::size_t at = 0; at < message.size(); at += block_bytes) {
    add_block(state, std::string_view(message).substr(at, block_bytes));
  }
  std::array<std::uint8_t, 20> digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace drawbridge::base
