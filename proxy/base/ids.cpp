#include "proxy/base/ids.h"

#include "proxy/base/check.h"

#include <cerrno>
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

IdSource::IdSource() {
  random_bytes(&high_, sizeof high_);
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
  static constexpr char digits[] = "0123456789abcdef";
  const std::uint64_t words[2] = {high_, next_bits()};
  RequestId id;
  for (std::size_t i = 0; i < id.text.size(); ++i) {
    id.text[i] = digits[(words[i / 16] >> (60 - 4 * (i % 16))) & 15];
  }
  return id;
}

}  // namespace drawbridge::base
