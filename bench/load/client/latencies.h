#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace drawbridge::bench {

// Counts of times in nanoseconds, 64 steps in each power of two: a quantile is wrong by at most 1.6 %.
class Latencies {
 public:
  void add(std::uint64_t nanoseconds) {
    ++counts_[index(nanoseconds)];
    ++total_;
  }

  std::uint64_t total() const { return total_; }

  // Upper end of the step that holds this share of the times, in microseconds.
  double quantile_us(double share) const {
    auto left = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > left) return static_cast<double>(upper(i)) / 1000;
      left -= counts_[i];
    }
    return 0;
  }

 private:
  static constexpr unsigned step_bits = 6;

  static std::size_t index(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= step_bits + 1) return value;
    const auto shift = width - step_bits - 1;
    return (static_cast<std::size_t>(shift) << step_bits) + static_cast<std::size_t>(value >> shift);
  }

  static std::uint64_t upper(std::size_t index) {
    const auto shift = index >> step_bits;
    if (shift < 2) return index;
    return (((index & 63U) | 64U) + 1) << (shift - 1);
  }

  std::array<std::uint64_t, std::size_t{60} << step_bits> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace drawbridge::bench
