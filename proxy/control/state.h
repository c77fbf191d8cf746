#pragma once

#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace drawbridge::control {

// When a mode ends, told without the wall clock: survives restarts of the process and jumps of that clock.
struct SteadyEnd {
  std::string boot;      // control::boot_id() when it was fixed; empty if the kernel did not tell
  base::Millis at{};     // of that boot's steady clock, since its epoch
  base::Millis lasts{};  // how long the mode was meant to last when it was fixed

  bool operator==(const SteadyEnd&) const = default;
};

// What is on now for one site.
struct SiteState {
  core::ModeState mode;
  std::optional<SteadyEnd> ends;  // of mode.until, always beside it
  std::string pool;               // the active one
  std::uint64_t epoch = 0;        // of the last change to this site
  bool configured = true;         // false: kept for the day the configuration names the site again
};

// All that is durable: what is on now. The file's form is described in state_json.h.
struct State {
  std::uint64_t epoch = 0;
  std::map<std::string, SiteState> sites;
  // (pool, address) of servers that an operator took out; those that are ready are not here.
  std::map<std::pair<std::string, std::string>, core::ServerAdmin> servers;
};

}  // namespace drawbridge::control
