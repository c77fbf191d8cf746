#pragma once

#include "proxy/core/mode.h"
#include "proxy/core/plan.h"
#include "proxy/core/rule.h"

namespace drawbridge::core {

// The class of a request and the reason, whatever the mode (DESIGN: what is a write).
struct Classification {
  RequestClass request_class = RequestClass::read;
  Why why = Why::method;         // never exempt_rule: that is beside the class
  const Rule* rule = nullptr;    // the read or write rule that decided
  bool read_tunnel = false;      // a tunnel that a read rule names: readonly and hold-writes let it be
  const Rule* exempt = nullptr;  // the exempt rule that names the request
};

// Pure; pointers into `rules`. A tunnel stays a tunnel whatever rule names it: it has no end to wait for.
Classification classify(const RuleSet& rules, const RequestFacts& facts, const Readings& readings);

}  // namespace drawbridge::core
