#include "proxy/core/classify.h"

#include "proxy/core/methods.h"
#include "proxy/core/readings.h"

namespace drawbridge::core {
namespace {

Classification by_rule(const RuleSet& rules, const EffectiveMethods& methods, const Readings& readings) {
  if (const auto* rule = rules.write.find_any(methods.all(), readings)) {
    return {.request_class = RequestClass::write, .why = Why::write_rule, .rule = rule};
  }
  if (const auto* rule = rules.read.find_all(methods.unsafe_overrides_too(), readings)) {
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
  result.exempt = rules.exempt.find_all(methods.unsafe_overrides_too(), readings);
  return result;
}

}  // namespace drawbridge::core
