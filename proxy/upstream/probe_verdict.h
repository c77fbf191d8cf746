#pragma once

#include "proxy/upstream/health_board.h"
#include "proxy/upstream/probe.h"

#include <cstdint>

namespace drawbridge::upstream {

// What the probes of one address add up to. The first probe decides alone; after it `fall` bad ones in a row take
// the address out and `rise` good ones bring it back.
class ProbeVerdict {
 public:
  HealthState observe(bool healthy, const HealthPolicy& policy);

  HealthState state() const { return state_; }
  std::uint32_t failures() const { return failures_; }  // in a row

 private:
  HealthState state_ = HealthState::unknown;
  std::uint32_t failures_ = 0;
  std::uint32_t successes_ = 0;
};

}  // namespace drawbridge::upstream
