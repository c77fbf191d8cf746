#pragma once

#include "proxy/ctl/options.h"
#include "proxy/ctl/run.h"

namespace drawbridge::ctl {

// Carries out cutover and rollback: follows the stages, runs the operator's command when its turn has come, tells
// the daemon its exit code.
Exit run_cutover(const Options& options, const Console& console);

}  // namespace drawbridge::ctl
