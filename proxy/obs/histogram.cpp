#include "proxy/obs/histogram.h"

#include <algorithm>
#include <numeric>

namespace drawbridge::obs {
namespace {

std::uint64_t not_negative(std::chrono::microseconds duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

}  // namespace

void HistogramValue::observe(std::chrono::microseconds duration) {
  const auto us = not_negative(duration);
  ++buckets[bucket_of(us)];
  sum_us += us;
}

std::uint64_t HistogramValue::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

HistogramValue& HistogramValue::operator+=(const HistogramValue& other) {
  for (std::size_t i = 0; i < bucket_count; ++i) buckets[i] += other.buckets[i];
  sum_us += other.sum_us;
  return *this;
}

void Histogram::observe(std::chrono::microseconds duration) {
  const auto us = not_negative(duration);
  buckets_[bucket_of(us)].add();
  sum_us_.add(us);
}

HistogramValue Histogram::value() const {
  HistogramValue value;
  for (std::size_t i = 0; i < bucket_count; ++i) value.buckets[i] = buckets_[i].value();
  value.sum_us = sum_us_.value();
  return value;
}

}  // namespace drawbridge::obs
