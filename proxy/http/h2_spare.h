#pragma once

#include <cstddef>

namespace drawbridge::http {

// Room for bodies that wait, in requests that are held or at slow servers: once they would use up the window of
// their connection they are counted here instead, so that its other streams can still be heard. Shared by the
// sessions of a thread; outlives them.
struct H2Spare {
  std::size_t bytes_left;
};

}  // namespace drawbridge::http
