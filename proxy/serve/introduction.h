#pragma once

#include "proxy/core/snapshot.h"
#include "proxy/http/proxy_protocol.h"

#include <string>
#include <sys/socket.h>

namespace drawbridge::serve {

struct Call;

// An address of IPv4 or IPv6 as the kernel has it.
http::SocketAddress address_of(const sockaddr_storage& address);

// The PROXY header that a connection to a server of the pool begins with when it is made for this request: the
// client as it is logged, its port where that is known, and where it connected to. Empty: the pool wants none.
std::string introduction(const core::PoolView& pool, const Call& call);

}  // namespace drawbridge::serve
