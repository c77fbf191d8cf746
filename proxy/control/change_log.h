#pragma once

#include "proxy/base/event_log.h"
#include "proxy/core/receipt.h"

namespace drawbridge::control {

// Says in the event log how a change has ended, and names what was cut, unanswered or left open.
void log_end(base::EventLog& events, const core::Receipt& receipt);

}  // namespace drawbridge::control
