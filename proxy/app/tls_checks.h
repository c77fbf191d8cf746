#pragma once

#include "config/load.h"
#include "proxy/net/tls_server.h"

namespace drawbridge::app {

// What the configuration says of a listener's TLS, as net/ wants it. Only for one that has certificates.
net::TlsServerSpec tls_spec(const config::Listener& listener);

// Reads the files that the configuration names as start and reload will, and says what is wrong with them.
config::FileChecks tls_checks();

// "/etc/shop.key is not the key of the certificate"
std::string describe(const net::TlsServerSpec& spec, const net::TlsServerFlaw& flaw);

}  // namespace drawbridge::app
