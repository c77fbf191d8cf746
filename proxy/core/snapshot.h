#pragma once

#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/placement.h"
#include "proxy/core/route.h"
#include "proxy/core/rule_list.h"
#include "proxy/http/forward.h"
#include "proxy/http/forwarded.h"
#include "proxy/http/head.h"
#include "proxy/http/proxy_protocol.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::net {
class TlsClient;
}

namespace drawbridge::core {

struct AnswerSet;  // core/answer.h: the rendered answers of one mode of one site

// Small stable numbers: given by control/ to a name when it first appears, never reused while the process lives.
// They index per-worker arrays (ledger, counters, upstream pools), so each has a bound in base/limits.h.
using SiteId = std::uint16_t;
using PoolId = std::uint16_t;
using ServerId = std::uint16_t;

enum class ServerAdmin : std::uint8_t { ready, drain, disabled };  // what the operator wants of a server

std::string_view name(ServerAdmin admin);
std::optional<ServerAdmin> parse_server_admin(std::string_view text);

// What the servers of a pool speak: HTTP/2 with prior knowledge over plain TCP (RFC 9113 section 3.3), or over TLS
// where the server agrees to it (section 3.2).
enum class UpstreamProtocol : std::uint8_t { http1, h2c, h2 };

enum class Balance : std::uint8_t { least_requests, round_robin };

struct PoolServer {
  ServerId id = 0;
  std::string address;  // as configured: "host:port"
  std::string host;     // of it, without port and brackets
  unsigned weight = 1;
  unsigned max_connections = 0;  // requests in flight there, of the process; 0: no limit
  ServerAdmin admin = ServerAdmin::ready;
};

// Bounds on waiting for an upstream; all above zero.
struct UpstreamTiming {
  base::Millis connect{5'000};  // one attempt
  base::Millis head{60'000};    // from the last request byte to the head of the answer
  base::Millis body{60'000};    // silence inside a body, either way
  base::Millis idle{4'000};     // an unused connection is kept this long
};

// Bounds on what clients may send and how long they may take.
struct ClientBounds {
  http::HeadLimits head;
  std::uint64_t request_body_bytes_max = 0;  // 0: no limit
  std::size_t response_head_bytes_max = 64 * 1024;
  base::Millis head_timeout{10'000};  // from the first byte of a head to its last
  base::Millis idle_timeout{75'000};  // a connection without a request
  base::Millis body_timeout{30'000};  // silence while a client sends its body or takes none of the answer
  std::uint64_t answer_rate_min = 0;  // bytes a second of waiting for a client to take its answer; likewise
  std::uint64_t body_rate_min = 0;    // bytes a second of waiting for a body, beyond body_timeout; 0: none
  base::Millis tunnel_idle_timeout{3'600'000};
  std::uint32_t h2_streams_max = 128;  // of one HTTP/2 connection, at the same time
};

struct PoolView {
  PoolId id = 0;
  std::string name;
  Balance balance = Balance::least_requests;
  UpstreamProtocol protocol = UpstreamProtocol::http1;
  UpstreamTiming timing;
  std::size_t idle_connections_max = 64;                     // kept to each address by each worker
  http::ProxyVersion send_proxy = http::ProxyVersion::none;  // what each connection begins with; http1 only
  bool drawbridge =
      false;  // its servers are Drawbridges: what they say of requests that were not processed is true
  std::vector<PoolServer> servers;
  std::shared_ptr<const net::TlsClient> tls;  // null: plain. Nobody here looks inside; shared by snapshots

  // One connection carries many exchanges.
  bool multiplexed() const { return protocol != UpstreamProtocol::http1; }
};

// How requests of a site are rewritten on their way (DESIGN: forwarding).
struct ForwardPolicy {
  bool strip_prefix = false;  // the matched path prefix is not sent to the upstream
  enum class Host : std::uint8_t { pass, upstream, fixed } host = Host::pass;
  std::vector<http::FieldSetting> request_set, response_set;
  std::vector<std::string> request_remove, response_remove;
  std::vector<http::FieldSetting> secure_response_set;  // instead of response_set, to clients that came over TLS
  std::string fixed_host;
};

// Bounds of a hold (DESIGN: parked).
struct HoldSpec {
  std::uint32_t requests_max = 10'000;  // waiting at once, in the whole process
  base::Millis wait_max{30'000};        // of one request
  std::uint32_t release_per_second = 5'000;
};

// A site whose requests are on several pools, or about to be (DESIGN: partial moves).
struct Split {
  // Shared with the drains of a cutover, which may outlive the snapshot: immutable.
  std::shared_ptr<const Placement> now;
  std::vector<const PoolView*> pools;  // of now->slices; owned by the same snapshot

  // A cutover under way holds what `to` sends to another pool, and nothing else.
  struct Move {
    std::shared_ptr<const Placement> to;
    ModeState hold;
    std::shared_ptr<const AnswerSet> answers;  // of `hold`
  };
  std::optional<Move> move;
};

// One site as the data path sees it. Immutable once published. What each request asks stands together: of a
// thousand sites asked in turn nothing is in the cache.
struct alignas(64) SiteView {
  SiteId id = 0;
  std::uint16_t https_port = 0;    // where requests without TLS are sent; 0: they are served
  bool wants_certificate = false;  // of each client
  const PoolView* pool = nullptr;  // active pool; owned by the same snapshot
  RuleSet rules;
  std::unique_ptr<const Split> split;  // null: all of it is on `pool`; else `pool` is that of the rest
  std::string name;
  ModeState mode;
  ForwardPolicy forward;
  const PoolView* notice = nullptr;  // maintenance.pool, else null
  std::shared_ptr<const AnswerSet>
      answers;                       // of this mode; shared by snapshots that did not change them; null in live
  std::string strict_transport;      // Strict-Transport-Security of answers over TLS; empty: none
  base::Millis retry_after{30'000};  // when `mode.until` is not known
  HoldSpec hold;
};

// What all workers decide by, as one value. Built by control/, published by one release-store, read-only after,
// freed when no admission of its epoch is left. Worker threads only hold a pointer inside an admission.
struct Snapshot {
  std::uint64_t epoch = 0;
  std::uint64_t rules_epoch = 0;  // the first epoch of this configuration: routes and rules are as old as it
  ClientBounds bounds;
  http::TrustedNets trusted;  // whose X-Forwarded-* are believed
  std::vector<std::unique_ptr<PoolView>> pools;
  std::vector<std::unique_ptr<SiteView>> sites;
  RouteTable routes;  // (host, path) → index into `sites`
};

// Pools that a request of some site may be sent to.
std::vector<const PoolView*> pools_in_use(const Snapshot& snapshot);

}  // namespace drawbridge::core
