#pragma once

#include "config/config.h"

#include <string>
#include <vector>

namespace drawbridge::config {

// The keys whose change a reload cannot bring into effect, as the file writes them: "server.workers", "listener".
// Empty: `wanted` can replace `running` without a restart.
std::vector<std::string> needs_restart(const Config& running, const Config& wanted);

}  // namespace drawbridge::config
