#pragma once

#include "proxy/core/facts.h"
#include "proxy/core/slice_match.h"

#include <cstdint>
#include <vector>

namespace drawbridge::core {

class Readings;  // core/readings.h

// Small stable numbers, as SiteId is (core/snapshot.h): of a site's slice, whatever its percentage.
using SliceId = std::uint16_t;

// A part of a site's requests that has a pool of its own.
struct Slice {
  SliceId id = 0;
  SliceMatch match;
  std::uint16_t pool = 0;  // PoolId
};

// Where the requests of a site go. A value without pointers, so that it may outlive the snapshot it was made for.
struct Placement {
  std::vector<Slice> slices;  // the first that matches decides
  std::uint16_t rest = 0;     // PoolId: of what no slice matches

  struct Found {
    const Slice* slice = nullptr;     // null: the rest
    std::uint16_t pool = 0;           // PoolId
    const Slice* doubtful = nullptr;  // servers may see this slice, on another pool: the request belongs nowhere
  };
  Found find(const RequestFacts& facts, const Readings& readings) const;
};

}  // namespace drawbridge::core
