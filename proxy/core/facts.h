#pragma once

#include "proxy/http/forwarded.h"
#include "proxy/http/head.h"

#include <string_view>

namespace drawbridge::core {

// What decide() reads of a request. Views live as long as the request's head.
struct RequestFacts {
  std::string_view method{};
  std::string_view host{};   // without port
  std::string_view path{};   // as received, without query
  std::string_view query{};  // without '?'
  // X-HTTP-Method-Override, X-HTTP-Method, X-Method-Override as received ("" if absent). A repeated field counts as
  // a write: the caller passes `override_repeated`.
  std::string_view overrides[3]{};
  bool override_repeated = false;
  bool upgrade = false;     // asks for a tunnel (Upgrade with Connection: upgrade)
  bool secure = true;       // came over TLS, to us or to the proxy in front
  bool certified = true;    // by a client that has shown us a certificate
  bool other_name = false;  // on a connection over TLS that was made for another host
  // Of slices alone.
  const http::HeaderList* headers = nullptr;  // null: none
  const http::IpAddress* client = nullptr;    // as trusted proxies say; null: not known
};

}  // namespace drawbridge::core
