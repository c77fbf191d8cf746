#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <string>

namespace drawbridge::obs {

// How the access log fares, for an operator.
struct LogFacts {
  static constexpr base::Millis lately{60'000};

  std::string file;              // or "stdout"; empty: the log is off
  int write_errno = 0;           // why nothing can be written to it now; 0: it can
  base::WallTime failing_since;  // with write_errno
  std::uint64_t lost_lines = 0;  // since the start
  bool lost_lately = false;
};

}  // namespace drawbridge::obs
