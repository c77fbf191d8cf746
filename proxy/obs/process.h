#pragma once

#include "proxy/obs/exposition.h"

namespace drawbridge::obs {

// Fills descriptors, memory, CPU time and start of this process; what cannot be read stays as it is.
void measure_process(Exposed& exposed);

}  // namespace drawbridge::obs
