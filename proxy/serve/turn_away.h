#pragma once

#include "proxy/net/unique_fd.h"

namespace drawbridge::serve {

// Tells a client that there is no room for its connection (503, nothing processed, try again) and closes. Takes no
// buffer and waits for nothing: who is slow to send its request may see the connection end instead.
void turn_away(net::UniqueFd client);

}  // namespace drawbridge::serve
