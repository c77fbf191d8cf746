#include "tests/unit/metric_checker.h"

#include <charconv>
#include <limits>
#include <optional>
#include <regex>
#include <sstream>
#include <utility>

namespace drawbridge::tests {
namespace {

const std::regex name_pattern("[a-zA-Z_:][a-zA-Z0-9_:]*");
const std::regex label_pattern("[a-zA-Z_][a-zA-Z0-9_]*");

std::optional<double> read_number(const std::string& text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string word(std::string& rest) {
  const auto space = rest.find(' ');
  auto first = rest.substr(0, space);
  rest.erase(0, space == std::string::npos ? rest.size() : space + 1);
  return first;
}

class Reader {
 public:
  Metrics read(std::string_view text) {
    if (!text.ends_with('\n')) problem("the text does not end with a line end");
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
      line_ = line;
      if (line.starts_with("# HELP ")) {
        open_family(line.substr(7));
      } else if (line.starts_with("# TYPE ")) {
        type_family(line.substr(7));
      } else {
        read_sample(line);
      }
    }
    check_histograms();
    return std::move(metrics_);
  }

 private:
  void problem(const std::string& what) { metrics_.problems.push_back(what + ": " + line_); }

  void open_family(std::string rest) {
    family_ = word(rest);
    typed_ = false;
    if (!std::regex_match(family_, name_pattern)) problem("illegal name");
    if (rest.empty()) problem("no help");
    if (metrics_.types.contains(family_)) problem("family comes twice");
  }

  void type_family(std::string rest) {
    const auto name = word(rest);
    if (name != family_ || typed_) problem("TYPE does not follow its HELP");
    if (rest != "counter" && rest != "gauge" && rest != "histogram") problem("unknown type");
    if ((rest == "counter") != name.ends_with("_total")) problem("_total is for counters, and for each of them");
    metrics_.types[name] = rest;
    typed_ = true;
  }

  // Reads `name="value",…}` and drops it from the line.
  std::optional<LabelMap> read_labels(std::string& rest) {
    LabelMap labels;
    while (!rest.starts_with('}')) {
      const auto equals = rest.find("=\"");
      if (equals == std::string::npos) return std::nullopt;
      const auto label = rest.substr(0, equals);
      if (!std::regex_match(label, label_pattern)) return std::nullopt;
      rest.erase(0, equals + 2);
      const auto value = read_quoted(rest);
      if (!value || !labels.emplace(label, *value).second) return std::nullopt;
      if (rest.starts_with(',')) rest.erase(0, 1);
    }
    rest.erase(0, 1);
    return labels;
  }

  static std::optional<std::string> read_quoted(std::string& rest) {
    std::string value;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest[i] == '"') {
        rest.erase(0, i + 1);
        return value;
      }
      if (rest[i] != '\\') {
        value += rest[i];
        continue;
      }
      const char escaped = ++i < rest.size() ? rest[i] : '?';
      if (escaped != 'n' && escaped != '"' && escaped != '\\') return std::nullopt;
      value += escaped == 'n' ? '\n' : escaped;
    }
    return std::nullopt;
  }

  void read_sample(std::string rest) {
    const auto end = rest.find_first_of("{ ");
    const auto name = rest.substr(0, end);
    rest.erase(0, name.size());
    LabelMap labels;
    if (rest.starts_with('{')) {
      rest.erase(0, 1);
      const auto read = read_labels(rest);
      if (!read) return problem("illegal labels");
      labels = *read;
    }
    if (!rest.starts_with(' ')) return problem("no value");
    const auto value = read_number(rest.substr(1));
    if (!value) return problem("illegal value");
    if (!belongs(name)) return problem("sample outside its family");
    if (!metrics_.samples[name].emplace(labels, *value).second) problem("sample comes twice");
  }

  bool belongs(const std::string& name) {
    if (!typed_) return false;
    if (metrics_.types[family_] != "histogram") return name == family_;
    return name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count";
  }

  void check_histograms() {
    for (const auto& [family, type] : metrics_.types) {
      if (type != "histogram") continue;
      line_ = family;
      std::map<LabelMap, std::map<double, double>> series;
      for (const auto& [all_labels, value] : metrics_.samples[family + "_bucket"]) {
        auto labels = all_labels;
        const auto bound = read_number(labels["le"]);
        labels.erase("le");
        if (bound) series[labels][*bound] = value;
      }
      for (const auto& [labels, buckets] : series) check_series(family, labels, buckets);
      if (series.size() != metrics_.samples[family + "_count"].size()) problem("series without buckets");
    }
  }

  void check_series(const std::string& family, const LabelMap& labels, const std::map<double, double>& buckets) {
    double before = 0;
    for (const auto& [bound, count] : buckets) {
      if (count < std::exchange(before, count)) problem("buckets are not cumulative");
    }
    if (buckets.rbegin()->first != std::numeric_limits<double>::infinity()) problem("no +Inf bucket");
    if (metrics_.value(family + "_count", labels) != before) problem("count differs from the last bucket");
    if (!(metrics_.value(family + "_sum", labels) >= 0)) problem("no sum");
  }

  Metrics metrics_;
  std::string family_;
  std::string line_;
  bool typed_ = false;
};

}  // namespace

double Metrics::value(const std::string& name, const LabelMap& labels) const {
  const auto found = samples.find(name);
  if (found == samples.end() || !found->second.contains(labels)) return std::numeric_limits<double>::quiet_NaN();
  return found->second.at(labels);
}

Metrics read_metrics(std::string_view text) {
  return Reader().read(text);
}

}  // namespace drawbridge::tests
