#pragma once

#include "config/config.h"
#include "proxy/base/failure.h"
#include "proxy/net/tls_client.h"
#include "proxy/net/tls_file.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace drawbridge::control {

// What the configuration says of a pool's TLS, as net/ wants it.
net::TlsClientSpec tls_spec(const config::PoolTls& tls);

// "/etc/ca.pem cannot be opened: …"
std::string describe(const net::TlsClientSpec& spec, const net::TlsClientFlaw& flaw);

// The TLS of the pools, made once and again when the configuration or a file it names has changed: a change of a
// mode reads no certificates. A value; control thread only.
class TlsClients {
 public:
  // Null for a pool without TLS.
  base::Expected<std::shared_ptr<const net::TlsClient>> of(const config::Pool& pool);

 private:
  struct Kept {
    net::TlsClientSpec spec;
    std::vector<net::FileStamp> files;
    std::shared_ptr<const net::TlsClient> client;  // immutable, shared with the snapshots
  };
  std::map<std::string, Kept> kept_;  // by name of the pool
};

}  // namespace drawbridge::control
