#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/time.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"

#include <optional>

namespace drawbridge::serve {

// The PROXY header at the beginning of a connection from a balancer (http/proxy_protocol.h): whom it speaks for, or
// nobody, if for itself. Takes the header off the stream and not a byte more: TLS or a request follows. Fails with
// malformed where there is none, timed_out at `deadline`, closed.
net::Task<base::Result<std::optional<http::ProxyParties>>> hear_greeting(net::Stream& stream,
                                                                         base::SteadyTime deadline);

}  // namespace drawbridge::serve
