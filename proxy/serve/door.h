#pragma once

#include "proxy/http/forwarded.h"
#include "proxy/net/tls_server.h"

#include <memory>
#include <string>

namespace drawbridge::serve {

// A listener as the workers know it: where clients connect, and what they may speak there.
struct Door {
  std::string address;
  http::TrustedNets proxies;  // not empty: only they connect here, and say whom they speak for (PROXY protocol)
  std::shared_ptr<const net::TlsServer> tls;  // null: plain. Immutable; a reload puts another in its place
  bool h2c = false;                           // without TLS, HTTP/2 by prior knowledge (RFC 9113 section 3.3)
};

}  // namespace drawbridge::serve
