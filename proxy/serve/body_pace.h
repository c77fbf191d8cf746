#pragma once

#include "proxy/base/time.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace drawbridge::serve {

// How long a sender of a body may still make us wait: `silence_max` at a time, and as much in all, with a second
// more for each `rate_min` bytes that have come (0: no bound in all). The time that the body's taker needs is not
// the sender's.
class BodyPace {
 public:
  BodyPace(base::Millis silence_max, std::uint64_t rate_min) : silence_max_(silence_max), rate_min_(rate_min) {}

  base::SteadyTime deadline(base::SteadyTime now, std::uint64_t bytes) const {
    if (rate_min_ == 0) return now + silence_max_;
    constexpr std::uint64_t seconds_max = 1'000'000'000;
    const auto earned = std::chrono::seconds(std::min(bytes / rate_min_, seconds_max));
    const auto left = silence_max_ + earned - waited_;
    return now + std::clamp<base::SteadyTime::duration>(left, {}, silence_max_);
  }
  void waited(base::SteadyTime::duration time) { waited_ += time; }

 private:
  base::Millis silence_max_;
  std::uint64_t rate_min_;
  base::SteadyTime::duration waited_{};
};

}  // namespace drawbridge::serve
