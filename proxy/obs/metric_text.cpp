#include "proxy/obs/metric_text.h"

#include <fmt/format.h>

namespace drawbridge::obs {
namespace {

constexpr double us_per_second = 1e6;

std::string_view name(MetricText::Type type) {
  switch (type) {
    case MetricText::Type::counter:
      return "counter";
    case MetricText::Type::gauge:
      return "gauge";
    case MetricText::Type::histogram:
      return "histogram";
  }
  return "untyped";
}

double seconds(std::uint64_t us) {
  return static_cast<double>(us) / us_per_second;
}

}  // namespace

void MetricText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, obs::name(type));
}

void MetricText::sample(Labels labels, std::uint64_t value) {
  line({}, labels, {}, fmt::to_string(value));
}

void MetricText::sample(Labels labels, double value) {
  line({}, labels, {}, fmt::to_string(value));
}

void MetricText::histogram(Labels labels, const HistogramValue& value) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bucket_bounds_us.size(); ++i) {
    below += value.buckets[i];
    line("_bucket", labels, fmt::to_string(seconds(bucket_bounds_us[i])), fmt::to_string(below));
  }
  const auto count = fmt::to_string(value.count());
  line("_bucket", labels, "+Inf", count);
  line("_sum", labels, {}, fmt::to_string(seconds(value.sum_us)));
  line("_count", labels, {}, count);
}

void MetricText::single(std::string_view name, Type type, std::string_view help, std::uint64_t value) {
  family(name, type, help);
  sample({}, value);
}

void MetricText::single(std::string_view name, Type type, std::string_view help, double value) {
  family(name, type, help);
  sample({}, value);
}

void MetricText::line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  for (const auto& [label, content] : labels) {
    text_ += std::exchange(separator, ',');
    put_label(label, content);
  }
  if (!bound.empty()) {
    text_ += std::exchange(separator, ',');
    put_label("le", bound);
  }
  if (separator == ',') text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

// The format knows three escapes in a label's value; everything else stands for itself.
void MetricText::put_label(std::string_view name, std::string_view value) {
  text_ += name;
  text_ += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text_ += '\\';
    if (c == '\n') {
      text_ += "\\n";
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

}  // namespace drawbridge::obs
