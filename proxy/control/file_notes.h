#pragma once

#include "config/config.h"
#include "proxy/base/time.h"
#include "proxy/control/refusal.h"
#include "proxy/control/state.h"
#include "proxy/core/command.h"

#include <string>
#include <vector>

namespace drawbridge::control {

// Takes into the state, pure, what `config` says of each site's pool and mode, but for edits that the state does
// not follow: of these it keeps what the file said before, also over a restart, so that they are told until the
// site has come to what the file says, or the edit was taken back.
void follow_file(State& state, const config::Config& config);

// These edits, as sentences: a `pool` or `mode` that was edited for a site whose state rules. A few; then how many
// more.
std::vector<std::string> unfollowed_edits(const config::Config& config, const State& state);

// Why the configuration file is not in force, as a sentence.
std::string describe_refused_reload(const Refusal& refusal, const core::Actor& actor, base::WallTime now);

}  // namespace drawbridge::control
