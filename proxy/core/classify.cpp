#include "proxy/core/classify.h"

#include "proxy/core/methods.h"
#include "proxy/core/readings.h"

#include <vector>

namespace drawbridge::core {
namespace {

const Rule* find_any(const std::vector<Rule>& rules, Methods methods, const Readings& readings) {
  for (const auto& rule : rules) {
    if (rule.matches_any(methods, readings)) return &rule;
  }
  return nullptr;
}

const Rule* find_all(const std::vector<Rule>& rules, Methods methods, const Readings& readings) {
  for (const auto& rule : rules) {
    if (rule.matches_all(methods, readings)) return &rule;
  }
  return nullptr;
}

Classification by_rule(const RuleSet& rules, const EffectiveMethods& methods, const Readings& readings) {
  if (const auto* rule = find_any(rules.write, methods.all(), readings)) {
    return {.request_class = RequestClass::write, .why = Why::write_rule, .rule = rule};
  }
  if (const auto* rule = find_all(rules.read, methods.unsafe_overrides_too(), readings)) {
    return {.request_class = RequestClass::read, .why = Why::read_rule, .rule = rule};
  }
  if (!methods.request_line_safe()) return {.request_class = RequestClass::write, .why = Why::method};
  if (methods.overridden()) return {.request_class = RequestClass::write, .why = Why::method_override};
  return {.request_class = RequestClass::read, .why = Why::method};
}

}  // namespace

Classification classify(const RuleSet& rules, const RequestFacts& facts, const Readings& readings) {
  const EffectiveMethods methods(facts);
  auto result = by_rule(rules, methods, readings);
  if (facts.upgrade || facts.method == "CONNECT") {
    result.read_tunnel = result.why == Why::read_rule;
    if (result.rule == nullptr) result.why = Why::upgrade;
    result.request_class = RequestClass::tunnel;
  }
  result.exempt = find_all(rules.exempt, methods.unsafe_overrides_too(), readings);
  return result;
}

}  // namespace drawbridge::core
