#pragma once

#include "proxy/base/time.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace drawbridge::serve {

// How long the sender of a body, or who takes it, may still make us wait: `silence_max` at a time, and as much in
// all, with a second more for each `rate_min` bytes that have passed (0: no bound in all). The time that the other
// side needs is not counted.
class BodyPace {
 public:
  BodyPace(base::Millis silence_max, std::uint64_t rate_min) : silence_max_(silence_max), rate_min_(rate_min) {}

  base::Millis patience(std::uint64_t bytes) const {
    if (rate_min_ == 0) return silence_max_;
    constexpr std::uint64_t seconds_max = 1'000'000'000;
    const auto earned = std::chrono::seconds(std::min(bytes / rate_min_, seconds_max));
    const auto left = std::chrono::floor<base::Millis>(silence_max_ + earned - waited_);
    return std::clamp(left, base::Millis(0), silence_max_);
  }
  void waited(base::SteadyTime::duration time) { waited_ += time; }

 private:
  base::Millis silence_max_;
  std::uint64_t rate_min_;
  base::SteadyTime::duration waited_{};
};

}  // namespace drawbridge::serve
