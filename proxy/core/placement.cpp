#include "proxy/core/placement.h"

#include "proxy/core/readings.h"

namespace drawbridge::core {

Placement::Found Placement::find(const RequestFacts& facts, const Readings& readings) const {
  Found found{.slice = nullptr, .pool = rest, .doubtful = nullptr};
  const Slice* doubtful = nullptr;
  bool doubts_differ = false;
  // Hundreds of customers are told by one field, which is looked for once.
  const SliceMatch* source = nullptr;
  SliceMatch::Values values;
  for (const auto& slice : slices) {
    const auto& match = slice.match;
    if (match.has_values() && (source == nullptr || !match.reads_as(*source))) {
      source = &match;
      values = match.values_in(facts);
    }
    const auto fit = match.has_values() ? match.fits(values) : match.fits(facts, readings);
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
