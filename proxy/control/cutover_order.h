#pragma once

#include "config/config.h"
#include "proxy/control/refusal.h"
#include "proxy/control/state.h"
#include "proxy/core/command.h"

#include <expected>
#include <optional>

namespace drawbridge::control {

// What a cutover command means for its site, judged against the configuration and the state: names the pool of a
// rollback and fills in what the site's configuration says where the command is silent. A site that an operator
// holds stays held after the flip, as every mode stays; the cutover must end before that hold does, in `mode_left`.
// Pure.
std::expected<core::CutoverCommand, Refusal> complete_cutover(core::CutoverCommand command,
                                                              const config::Config& config, const State& state,
                                                              std::optional<base::Millis> mode_left);

}  // namespace drawbridge::control
