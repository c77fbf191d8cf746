#include "proxy/core/placement.h"

#include "proxy/core/readings.h"

namespace drawbridge::core {

Placement::Found Placement::find(const RequestFacts& facts, const Readings& readings) const {
  Found found{.slice = nullptr, .pool = rest, .doubtful = nullptr};
  const Slice* doubtful = nullptr;
  bool doubts_differ = false;
  for (const auto& slice : slices) {
    const auto fit = slice.match.fits(facts, readings);
    if (fit == SliceMatch::Fit::no) continue;
    if (fit == SliceMatch::Fit::yes) {
      found.slice = &slice;
      found.pool = slice.pool;
      break;
    }
    doubts_differ = doubts_differ || (doubtful != nullptr && doubtful->pool != slice.pool);
    if (doubtful == nullptr) doubtful = &slice;
  }
  // What all servers send to the same pool needs no answer to the question which slice it is of.
  if (doubtful != nullptr && (doubts_differ || doubtful->pool != found.pool)) found.doubtful = doubtful;
  return found;
}

}  // namespace drawbridge::core
