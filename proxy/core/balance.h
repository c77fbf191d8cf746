#pragma once

#include "proxy/core/snapshot.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace drawbridge::core {

// One server of a pool as a worker sees it when it has to choose.
struct Candidate {
  bool eligible = false;        // healthy, wanted by the operator, with room, not tried before by this request
  std::uint32_t in_flight = 0;  // of this worker
  std::uint32_t weight = 1;     // share of the traffic; 0 gets none
};

// What a worker remembers of one pool between choices. Belongs to the order of its servers: a list of another
// length starts afresh.
struct BalanceState {
  std::vector<std::int64_t> credit;
};

// The place of the server that gets the next request; nullopt if none is eligible.
//   round_robin     smooth and weighted: of weights 2 and 1 the first gets every second and third request, not a
//   run least_requests  fewest in flight for its weight; those that tie take turns as in round_robin
// Allocates only when the number of candidates has changed.
std::optional<std::size_t> pick(Balance balance, std::span<const Candidate> candidates, BalanceState& state);

}  // namespace drawbridge::core
