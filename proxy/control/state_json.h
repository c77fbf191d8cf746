#pragma once

#include "proxy/base/failure.h"
#include "proxy/control/state.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace drawbridge::control {

// state.json, UTF-8, one object:
//   {"version": 5, "epoch": 43,
//    "sites": {"shop": {"mode": "readonly", "scope": "writes", "since": TIME, "until": TIME, "then": "live",
//                       "ends": {"boot": "…", "steady_ms": 123, "lasts_ms": 60}, "reason": "…",
//                       "by": "alice (uid 1000)", "pool": "blue", "epoch": 43, "configured": true,
//                       "previous_pool": "green", "rolled_back": true,
//                       "slices": [{"match": "header:X-Tenant=acme", "pool": "red", "since": TIME, "by": "…",
//                                   "reason": "…", "before": [{"match": "", "pool": ""}]}],
//                       "previous_slices": […],
//                       "cutover": {"id": 1, "stage": "run", "from": "blue", "to": "green", "scope": "writes",
//                                   "since": TIME, "deadline": TIME, "by": "alice (uid 1000)"},
//                       "file": {"pool": "blue", "mode": "live"}}},
//    "servers": [{"pool": "blue", "address": "127.0.0.1:9001", "admin": "drain"}],
//    "ended": {"at": TIME, "unknown_writes": {"shop": 2}}}
// TIME is RFC 3339. `until` and `ends` are left out where a mode has no end, `previous_pool` and `cutover` where
// there was or is none; version 1 had neither of these two; `slices` and `previous_slices` where there are none,
// `match` of a cutover where it is of the whole site; version 2 had none of these, version 3 neither `file` nor
// `ended`, version 4 no `rolled_back`, which is left out where the last cutover was no rollback. A key this version
// does not know, a missing one or a wrong type is an error: half a state is worse than none.
inline constexpr std::uint64_t state_version = 5;
inline constexpr std::size_t state_bytes_max = 64 * 1024 * 1024;

std::string format_state(const State& state);

struct StateProblem {
  std::string message;
  bool newer = false;  // written by a newer version: whole, but not ours to judge or to replace
};

std::expected<State, StateProblem> parse_state(std::string_view text);

}  // namespace drawbridge::control
