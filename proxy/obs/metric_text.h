#pragma once

#include "proxy/obs/histogram.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace drawbridge::obs {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Builds text in the Prometheus format: a family is opened, then gets its samples; families do not interleave.
class MetricText {
 public:
  enum class Type : std::uint8_t { counter, gauge, histogram };

  void family(std::string_view name, Type type, std::string_view help);
  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  void histogram(Labels labels, const HistogramValue& value);  // durations, shown in seconds

  // A family of one sample without labels.
  void single(std::string_view name, Type type, std::string_view help, std::uint64_t value);
  void single(std::string_view name, Type type, std::string_view help, double value);

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);
  void put_label(std::string_view name, std::string_view value);

  std::string name_;
  std::string text_;
};

}  // namespace drawbridge::obs
