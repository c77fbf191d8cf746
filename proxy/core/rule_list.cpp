#include "proxy/core/rule_list.h"

#include "proxy/core/readings.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace drawbridge::core {
namespace {

std::uint64_t first_bytes(std::string_view text) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text.data(), std::min(text.size(), sizeof bytes));
  return bytes;
}

std::uint64_t mask_of(std::size_t count) {
  std::uint64_t mask = 0;
  std::memset(&mask, 0xff, std::min(count, sizeof mask));
  return mask;
}

// Paths begin with a slash, so the second and third byte tell more than the first. What is too short to have them
// may be anything.
std::uint64_t beginnings_of(std::string_view text) {
  if (text.size() < 3) return ~std::uint64_t{0};
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  return std::uint64_t{1} << ((second * 7U + third) % 64U);
}

}  // namespace

RuleList::RuleList(std::vector<Rule> rules) {
  for (auto& rule : rules) push_back(std::move(rule));
}

void RuleList::push_back(Rule rule) {
  const auto head = rule.path_head();
  if (!rows_) rows_ = std::make_unique<Rows>();
  beginnings_ |= beginnings_of(head);
  rows_->marks.push_back({.bytes = first_bytes(head), .mask = mask_of(head.size())});
  rows_->rules.push_back(std::move(rule));
}

const Rule* RuleList::find_any(Methods methods, const Readings& readings) const {
  if (empty()) return nullptr;
  const bool one_reading = readings.all().size() == 1;
  const auto path = readings.normal();
  if (one_reading && (beginnings_ & beginnings_of(path)) == 0) return nullptr;
  const auto first = first_bytes(path);
  const auto& [marks, rules] = *rows_;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (one_reading && (first & marks[i].mask) != marks[i].bytes) continue;
    if (rules[i].matches_any(methods, readings)) return &rules[i];
  }
  return nullptr;
}

// The normal form is one of the readings that must all match.
const Rule* RuleList::find_all(Methods methods, const Readings& readings) const {
  const auto path = readings.normal();
  if ((beginnings_ & beginnings_of(path)) == 0) return nullptr;
  const auto first = first_bytes(path);
  const auto& [marks, rules] = *rows_;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if ((first & marks[i].mask) != marks[i].bytes) continue;
    if (rules[i].matches_all(methods, readings)) return &rules[i];
  }
  return nullptr;
}

}  // namespace drawbridge::core
