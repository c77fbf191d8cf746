#include "proxy/base/ids.h"

#include "proxy/base/check.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <sys/random.h>

namespace drawbridge::base {

void random_bytes(void* out, std::size_t n) {
  auto* bytes = static_cast<unsigned char*>(out);
  while (n > 0) {
    const auto got = getrandom(bytes, n, 0);
    if (got < 0 && errno == EINTR) continue;
    DRAWBRIDGE_CHECK(got > 0);
    bytes += got;
    n -= static_cast<std::size_t>(got);
  }
}

namespace {

constexpr std::size_t half_digits = 16;

// Each half byte of `bits` as a digit, all at once: spread over the bytes of two words, then 0-9 and a-f apart.
void write_hex(std::uint64_t bits, char* out) {
  const auto digits = [](std::uint64_t half) {
    half = (half | half << 16) & 0x0000ffff0000ffffU;
    half = (half | half << 8) & 0x00ff00ff00ff00ffU;
    half = (half | half << 4) & 0x0f0f0f0f0f0f0f0fU;
    const auto letters = ((half + 0x0606060606060606U) >> 4) & 0x0101010101010101U;
    return std::byteswap(half + 0x3030303030303030U + letters * ('a' - '0' - 10));
  };
  const std::uint64_t words[2] = {digits(bits >> 32), digits(bits & 0xffffffffU)};
  std::memcpy(out, words, sizeof words);
}

}  // namespace

IdSource::IdSource() {
  std::uint64_t high = 0;
  random_bytes(&high, sizeof high);
  write_hex(high, id_.text.data());
  random_bytes(&state_, sizeof state_);
}

// splitmix64 (Steele, Lea, Flood 2014): a bijection of the counter, so no id of one source repeats within 2^64.
std::uint64_t IdSource::next_bits() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

RequestId IdSource::next() {
  write_hex(next_bits(), id_.text.data() + half_digits);
  return id_;
}

}  // namespace drawbridge::base
