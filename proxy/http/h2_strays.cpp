#include "proxy/http/h2_strays.h"

#include <algorithm>
#include <span>

namespace drawbridge::http {

void H2Strays::opened(H2StreamId stream) {
  const H2StreamId expected = highest_ == 0 ? 1 : highest_ + 2;
  if (stream > expected) {
    gaps_[next_gap_] = {.first = expected, .last = stream - 2};
    next_gap_ = (next_gap_ + 1) % gaps_.size();
  }
  highest_ = std::max(highest_, stream);
}

void H2Strays::reset(H2StreamId stream, bool by_us) {
  if (!resets_) resets_ = std::make_unique<Resets>();
  auto& place = (*resets_)[next_reset_];
  forgotten_ = std::max(forgotten_, place.stream);
  place = {.stream = stream, .by_us = by_us};
  next_reset_ = (next_reset_ + 1) % resets_->size();
}

H2Strays::Kind H2Strays::judge(H2StreamId stream) const {
  if (stream > highest_) return Kind::unopened;
  // A stream may be reset from both sides; then ours excuses.
  bool by_client = false;
  for (const auto& known : resets_ ? std::span(*resets_) : std::span<Reset>()) {
    if (known.stream != stream) continue;
    if (known.by_us) return Kind::late;
    by_client = true;
  }
  if (by_client) return Kind::reset;
  for (const auto& gap : gaps_) {
    if (gap.first <= stream && stream <= gap.last) return Kind::skipped;
  }
  return stream <= forgotten_ ? Kind::late : Kind::closed;
}

}  // namespace drawbridge::http
