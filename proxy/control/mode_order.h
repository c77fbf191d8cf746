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

// What a mode command means, judged against the configuration, the state and the clock. Pure.

// The sites meant, sorted, each once; all configured ones if `names` is empty. Refuses names that are not
// configured.
std::expected<std::vector<std::string>, Refusal> resolve_sites(const config::Config& config,
                                                               const std::vector<std::string>& names);

// The arguments make sense together, now, and for each of the sites.
std::expected<void, Refusal> check_mode_command(const core::ModeCommand& command,
                                                const std::vector<const config::Site*>& sites, base::WallTime now);

// The mode of one site after the command. A mode that is already on keeps its `since`, and its reason if the
// command gives none; its end is the command's. A hold always ends: after hold.max_total at the latest.
core::ModeState next_mode(const core::ModeState& before, const core::ModeCommand& command, const config::Site& site,
                          const std::string& by, base::WallTime now);

// What follows by itself when the time of `before` is over.
core::ModeState mode_after(const core::ModeState& before, base::WallTime now);

// How long `--drain` may be.
inline constexpr base::Millis drain_timeout_max{24 * 3'600'000};

}  // namespace drawbridge::control
