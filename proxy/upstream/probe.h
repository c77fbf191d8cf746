#pragma once

#include "proxy/base/time.h"
#include "proxy/core/snapshot.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/net/endpoint.h"
#include "proxy/net/tls_client.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace drawbridge::upstream {

// How a server's health is found out.
struct HealthPolicy {
  bool active = true;            // false: no probes
  std::string path;              // GET, 200 to 399 is healthy; empty: a connection that opens is healthy
  bool http2 = false;            // the GET goes over HTTP/2; without a path the server must greet in it
  bool grpc = false;             // grpc.health.v1 instead of the GET
  std::string host;              // Host of the probe; empty = the server's address as configured
  base::Millis interval{2'000};  // between the end of a probe and the next
  base::Millis timeout{1'000};   // of one probe, connect included
  std::uint32_t rise = 2;        // good probes in a row that bring an address back
  std::uint32_t fall = 3;        // bad probes in a row that take it out; the very first probe decides alone
  std::uint32_t passive_fall = 3;
  base::Millis passive_pause{10'000};

  bool operator==(const HealthPolicy&) const = default;
};

// One server to be watched.
struct Target {
  core::ServerId id = 0;
  std::string pool;
  std::string address;                        // "host:port" as configured
  std::string host;                           // of it
  std::shared_ptr<const net::TlsClient> tls;  // null: plain. Immutable, shared with the snapshot it came from
  http::ProxyVersion send_proxy = http::ProxyVersion::none;
  HealthPolicy health;
  base::Millis resolve_interval{30'000};
  bool taken_out = false;  // by the operator: gets no requests

  bool operator==(const Target&) const = default;
};

// What one probe of one address found.
struct ProbeResult {
  core::ServerId server = 0;
  std::size_t slot = 0;
  net::Endpoint endpoint = {};
  bool healthy = false;
  std::string reason = {};  // "status 200", "status 500", "connect refused", "timed out after 1s", …
  base::Millis took{};
};

}  // namespace drawbridge::upstream
