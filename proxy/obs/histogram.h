#pragma once

#include "proxy/obs/tally.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace drawbridge::obs {

// Upper bounds of the buckets in microseconds: 0.5 ms to 60 s; one more bucket takes what is above.
inline constexpr std::array<std::uint64_t, 16> bucket_bounds_us{
    500,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,     100'000,
    250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};
inline constexpr std::size_t bucket_count = bucket_bounds_us.size() + 1;

// The first bucket whose bound is not below the value.
constexpr std::size_t bucket_of(std::uint64_t us) {
  std::size_t i = 0;
  while (i < bucket_bounds_us.size() && us > bucket_bounds_us[i]) ++i;
  return i;
}

// A histogram as a plain value, not cumulative: sums of workers, and what one thread measures for itself.
struct HistogramValue {
  std::array<std::uint64_t, bucket_count> buckets{};
  std::uint64_t sum_us = 0;

  void observe(std::chrono::microseconds duration);
  std::uint64_t count() const;
  HistogramValue& operator+=(const HistogramValue& other);
};

// One thread observes, any thread reads. A reader may see a duration in a bucket and not yet in the sum.
class Histogram {
 public:
  void observe(std::chrono::microseconds duration);
  HistogramValue value() const;

 private:
  Tally sum_us_;  // beside the first buckets, which most durations are in
  std::array<Tally, bucket_count> buckets_;
};

}  // namespace drawbridge::obs
