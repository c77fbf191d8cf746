#pragma once

#include "proxy/base/time.h"
#include "proxy/core/cutover.h"
#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::control {

// When a mode ends, told without the wall clock: survives restarts of the process and jumps of that clock.
struct SteadyEnd {
  std::string boot;      // control::boot_id() when it was fixed; empty if the kernel did not tell
  base::Millis at{};     // of that boot's steady clock, since its epoch
  base::Millis lasts{};  // how long the mode was meant to last when it was fixed

  bool operator==(const SteadyEnd&) const = default;
};

// A part of a site's requests that has a pool of its own (core/slice_match.h).
struct SliceState {
  std::string match;  // SliceMatch::text()
  std::string pool;
  base::WallTime since;  // of its last cutover; who made it, and why
  std::string by;
  std::string reason;
  // What it was before each of its cutovers, the last one at the end: the way back.
  struct Before {
    std::string match;
    std::string pool;  // empty: there was no slice
  };
  std::vector<Before> before;
};

// Where the requests of a site go.
struct Places {
  std::string pool;  // of what no slice matches
  std::vector<SliceState> slices;
};

// A cutover under way. Beside it the site's own mode and pool say what a restart goes by: until the flip is stored
// the old pool and the mode before, from then on the new ones.
struct CutoverRecord {
  std::uint64_t id = 0;  // unique in this process
  core::CutoverStage stage = core::CutoverStage::hold;
  std::string from, to;
  core::HoldScope scope = core::HoldScope::writes;
  base::WallTime since;     // of the hold
  base::WallTime deadline;  // of the flip
  std::string by;
  std::string match = {};            // of a slice; empty: the whole site
  std::optional<Places> after = {};  // of a partial one, until the flip. Not stored: a restart goes back
};

// How many writes the active pool has accepted since the last cutover, as far as the disk knows.
struct AcceptedWrites {
  std::uint64_t count = 0;
  bool exact = false;  // false: at least so many
};

// What the configuration file says of a site that its first start alone goes by.
struct FileWord {
  std::string pool;
  core::Mode mode = core::Mode::live;
};

// What is on now for one site.
struct SiteState {
  core::ModeState mode;
  std::optional<SteadyEnd> ends;            // of mode.until, always beside it
  std::string pool;                         // the active one
  std::uint64_t epoch = 0;                  // of the last change to this site
  bool configured = true;                   // false: kept for the day the configuration names the site again
  std::string previous_pool;                // the active one before the last cutover; empty: there was none
  bool rolled_back = false;                 // the last cutover was the way back from previous_pool
  std::vector<SliceState> slices;           // in the order in which they are asked
  std::vector<SliceState> previous_slices;  // that the last cutover of the whole site ended
  std::optional<AcceptedWrites> accepted;   // beside previous_pool
  std::optional<CutoverRecord> cutover;
  std::optional<FileWord> file_word;  // before the edits that the state does not follow (file_notes.h)
};

// The mode that visitors meet: that of the state, or the hold of a cutover under way. A cutover holds only what the
// mode lets through: a readonly site refuses its writes as before. A partial one leaves the mode alone.
core::ModeState shown_mode(const SiteState& site);

// The hold of the site's cutover.
core::ModeState hold_of(const SiteState& site);

// How a process ended that ended in order.
struct Ended {
  base::WallTime at;
  // By site, of the last minutes: writes that their servers had not answered to the end (core/unknown_writes.h).
  std::map<std::string, std::uint64_t> unknown_writes;
};

// All that is durable: what is on now. The file's form is described in state_json.h.
struct State {
  std::uint64_t epoch = 0;
  std::map<std::string, SiteState> sites;
  // (pool, address) of servers that an operator took out; those that are ready are not here.
  std::map<std::pair<std::string, std::string>, core::ServerAdmin> servers;
  std::optional<Ended> ended = {};  // of the last process, until the next one begins
};

}  // namespace drawbridge::control
