#pragma once

#include "config/config.h"
#include "proxy/base/time.h"
#include "proxy/control/refusal.h"
#include "proxy/control/state.h"
#include "proxy/core/command.h"

#include <expected>
#include <string>
#include <vector>

namespace drawbridge::control {

// What a cutover of a site that has slices, or gets one, comes to.
struct PartialMove {
  Places after;
  std::string match;              // as it is shown; empty: the whole site
  std::vector<std::string> from;  // pools that requests leave
  std::string to;                 // the pool they go to
};

// What `command` (a cutover or a rollback, of a slice or of all) does to the slices of a site. Pure.
//  - A slice that is new, or moves to another pool, or a percentage that grows on its pool: a cutover.
//  - Slices on different pools must not be able to meet, for then no order among them were right. A percentage
//    yields to all others, and a site has one.
//  - A cutover of the whole site ends all slices; its rollback brings them back.
//  - A rollback of a slice undoes its last cutover.
std::expected<PartialMove, Refusal> plan_partial(const core::CutoverCommand& command, const config::Site& config,
                                                 const SiteState& site, base::WallTime now, const std::string& by);

// `command` concerns slices: names one, or the site has or gets back some.
bool is_partial(const core::CutoverCommand& command, const SiteState& site);

const SliceState* find_slice(const std::vector<SliceState>& slices, const std::string& key);
std::string slice_key(const SliceState& slice);

// Where requests go that `match` matches, in whatever spelling, or, if it is empty, any of the site.
std::vector<std::string> pools_of(const SiteState& site, const std::string& match);

// "header:X-Tenant=acme on green, path:/eu on red"
std::string describe_slices(const std::vector<SliceState>& slices);

}  // namespace drawbridge::control
