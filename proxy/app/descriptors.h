#pragma once

#include "proxy/base/event_log.h"

#include <cstdint>

namespace drawbridge::app {

// Raises the soft limit of open files to the hard one and warns if `connections_max` connections, each with one to
// an upstream, would not fit.
void raise_descriptor_limit(std::uint64_t connections_max, base::EventLog& events);

}  // namespace drawbridge::app
