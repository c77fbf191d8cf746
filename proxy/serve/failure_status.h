#pragma once

#include "proxy/base/failure.h"

#include <cstdint>

namespace drawbridge::serve {

// The one place that turns a failure into the status a client gets (DESIGN: forwarding; RFC 9110 section 15).
// 0: there is no client left to answer.
std::uint16_t status_of(const base::Failure& failure);

}  // namespace drawbridge::serve
