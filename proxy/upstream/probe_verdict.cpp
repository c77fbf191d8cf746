#include "proxy/upstream/probe_verdict.h"

namespace drawbridge::upstream {

HealthState ProbeVerdict::observe(bool healthy, const HealthPolicy& policy) {
  failures_ = healthy ? 0 : failures_ + 1;
  successes_ = healthy ? successes_ + 1 : 0;
  const bool first = state_ == HealthState::unknown;
  if (healthy && (first || successes_ >= policy.rise)) state_ = HealthState::up;
  if (!healthy && (first || failures_ >= policy.fall)) state_ = HealthState::down;
  return state_;
}

}  // namespace drawbridge::upstream
