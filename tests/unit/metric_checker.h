#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::tests {

using LabelMap = std::map<std::string, std::string>;

// A reader of the Prometheus text format that forgives nothing: each family has HELP, then TYPE, then its samples
// in one piece; names and escapes are legal; no sample comes twice; histograms are cumulative and complete.
struct Metrics {
  std::map<std::string, std::string> types;                   // family → type
  std::map<std::string, std::map<LabelMap, double>> samples;  // sample name → labels → value
  std::vector<std::string> problems;

  // Value of a sample; NaN if there is none.
  double value(const std::string& name, const LabelMap& labels = {}) const;
};

Metrics read_metrics(std::string_view text);

}  // namespace drawbridge::tests
