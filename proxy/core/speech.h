#pragma once

#include "proxy/core/snapshot.h"

#include <string>

namespace drawbridge::core {

// How the servers of a pool are spoken to: "http1", "h2c", "h2" (over TLS), "http1, TLS", "http1, PROXY v2", …
std::string speech(const PoolView& pool);

}  // namespace drawbridge::core
