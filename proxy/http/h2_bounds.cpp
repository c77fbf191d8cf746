#include "proxy/http/h2_bounds.h"

#include <algorithm>
#include <chrono>

namespace drawbridge::http {

constexpr std::array<H2Bound, h2_excess_count> h2_bounds{{
    {H2Excess::continuations, 7, 0, "continuations", "CVE-2024-27316, CVE-2023-45288",
     "a header block in frames without end; the longest head that is taken fits three"},
    {H2Excess::head_bytes, 256 * 1024, 0, "head_bytes", "CVE-2016-6581, CVE-2019-9516",
     "a few bytes that decompress to a large head; empty names count, each field as 32 bytes more than it has"},
    {H2Excess::resets, 400, 30, "resets", "CVE-2023-44487, CVE-2025-8671, CVE-2019-9514",
     "requests that are begun to be thrown away, by the client or, made by its errors, by us"},
    {H2Excess::settings, 100, 10, "settings", "CVE-2019-9515", "each is acknowledged"},
    {H2Excess::pings, 2'000, 1'000, "pings", "CVE-2019-9512",
     "each is answered; gRPC measures its bandwidth with many"},
    {H2Excess::priorities, 2'000, 200, "priorities", "CVE-2019-9513",
     "nothing is done with them; browsers send some with each page"},
    {H2Excess::empty_frames, 1'000, 100, "empty_frames", "CVE-2019-9518", "DATA that neither carries nor ends"},
    {H2Excess::tiny_frames, 2'000, 200, "tiny_frames", "CVE-2019-9511",
     "DATA that a window which never was larger cuts below 256 bytes while more is there to be sent"},
    {H2Excess::other_frames, 1'000, 100, "other_frames", "CVE-2019-9518",
     "frames of types that RFC 9113 does not have: ignored, but not for ever"},
}};

namespace {

constexpr bool in_order() {
  for (std::size_t i = 0; i < h2_bounds.size(); ++i) {
    if (static_cast<std::size_t>(h2_bounds[i].excess) != i || h2_bounds[i].name.empty()) return false;
  }
  return true;
}
static_assert(in_order(), "the table follows the enumeration");

}  // namespace

H2Budget::H2Budget(base::SteadyTime now) {
  for (const auto& bound : h2_bounds) {
    buckets_[static_cast<std::size_t>(bound.excess)] = {.tokens = static_cast<double>(bound.burst), .at = now};
  }
}

bool H2Budget::spend(H2Excess excess, base::SteadyTime now, std::uint32_t tokens) {
  const auto& bound = h2_bounds[static_cast<std::size_t>(excess)];
  auto& bucket = buckets_[static_cast<std::size_t>(excess)];
  const auto seconds = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min<double>(bound.burst, bucket.tokens + std::max(seconds, 0.0) * bound.per_second);
  bucket.at = now;
  bucket.tokens -= tokens;
  return bucket.tokens >= 0;
}

void H2Budget::new_block() {
  for (const auto excess : {H2Excess::continuations, H2Excess::head_bytes}) {
    buckets_[static_cast<std::size_t>(excess)].tokens = h2_bounds[static_cast<std::size_t>(excess)].burst;
  }
}

}  // namespace drawbridge::http
