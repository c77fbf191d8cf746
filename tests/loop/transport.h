#pragma once

#include "proxy/net/tls_server.h"
#include "tests/tls/tls_files.h"

#include <memory>
#include <string>

namespace drawbridge::tests {

// How the clients of this run reach a worker: h1 (also without), h1-tls, h2-tls or h2c, as the environment variable
// DRAWBRIDGE_TEST_TRANSPORT says.
struct Transport {
  bool tls = false;
  bool http2 = false;
};
Transport transport_of_this_run();

// What a worker shows to clients over TLS, for the host "a", and whom these trust. Made once for the process.
struct Certified {
  net::CertificateFiles server;
  std::string authority;
};
const Certified& certified();

// What a door of this run speaks; null: plain.
std::shared_ptr<const net::TlsServer> tls_of_this_run();

}  // namespace drawbridge::tests
