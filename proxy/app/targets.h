#pragma once

#include "config/config.h"
#include "proxy/core/snapshot.h"
#include "proxy/upstream/probe.h"

#include <vector>

namespace drawbridge::app {

// The servers to watch: ids from the snapshot, how to probe them from the configuration it was built from.
std::vector<upstream::Target> targets_of(const core::Snapshot& snapshot, const config::Config& config);

}  // namespace drawbridge::app
