#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::config {

using base::Millis;

// The whole configuration as plain values, after parsing and validation: names resolve, addresses and rules are
// well formed, ranges hold. The member initialisers are the defaults; docs/CONFIG.md is generated from them. Lists
// keep the order of the file; pools and sites are sorted by name.

enum class AccessLogFormat : std::uint8_t { json, combined };

// [server]: the process. Most of it needs a restart to change (restart.h).
struct Server {
  std::uint32_t workers = 0;                                // data path threads; 0 = one a usable CPU ("auto")
  std::string state_dir = "/var/lib/drawbridge";            // absolute; holds state.json and the history
  std::string admin_socket = "/run/drawbridge/admin.sock";  // absolute; mode 0600, 0660 with admin_group
  std::string admin_group;                                  // group that may use the socket; empty = owner only
  std::vector<std::string> trusted_proxies;                 // CIDRs whose X-Forwarded-* are believed
  std::string access_log = "stdout";                        // "stdout", "off" or an absolute path
  AccessLogFormat access_log_format = AccessLogFormat::json;
  std::string pages_dir;          // absolute; empty = built-in pages only
  std::string metrics;            // IP:port; empty = only over the admin socket
  Millis shutdown_grace{30'000};  // SIGTERM: longest wait for what is in flight
};

// PEM files by absolute path.
struct Certificate {
  std::string certificate;  // the server's own, then the intermediate ones
  std::string key;
  std::string ocsp_staple;  // DER; empty = none

  bool operator==(const Certificate&) const = default;
};

enum class TlsVersion : std::uint8_t { tls12, tls13 };
enum class ClientCertificates : std::uint8_t { none, optional, required };

// `tls` of a listener. Without a certificate the listener is plain.
struct ListenerTls {
  Certificate alone;                      // as read; then the first of `certificates`
  std::vector<Certificate> certificates;  // the first is the default
  TlsVersion min_version = TlsVersion::tls12;
  std::string ciphers;    // of TLS 1.2; empty = ours
  std::string client_ca;  // set if and only if client certificates are asked for
  ClientCertificates client_certificates = ClientCertificates::none;

  bool operator==(const ListenerTls&) const = default;
};

// [[listener]]: one address that clients connect to.
struct Listener {
  std::string address;  // IP:port, "[::]:8080" for IPv6; port 0 = any free port
  ListenerTls tls;
  bool http2 = true;                             // to TLS clients that offer it
  bool h2c = false;                              // HTTP/2 without TLS, by prior knowledge
  bool proxy_protocol = false;                   // each connection begins with a PROXY header
  std::vector<std::string> proxy_protocol_from;  // CIDRs of who may connect then; empty if and only if false

  bool operator==(const Listener&) const = default;
};

// [limits]: bounds on what a client (or a server, for the answer) may send. Passing one is an error of that side.
struct Limits {
  std::uint64_t request_head_bytes = 32 * 1024;   // request line and fields together; beyond: 431
  std::uint64_t request_line_bytes = 8 * 1024;    // method, target and version; beyond: 414
  std::uint32_t request_headers = 100;            // number of field lines; beyond: 431
  std::uint32_t http2_streams = 128;              // at the same time on one connection
  std::uint64_t request_body_bytes = 0;           // beyond: 413; 0 = no limit (bodies are streamed, not kept)
  std::uint64_t request_body_rate = 240;          // bytes a second of waiting for a body; slower: 408; 0 = no limit
  std::uint64_t response_body_rate = 60;          // likewise for a client to take an answer; slower: it ends there
  std::uint64_t response_head_bytes = 32 * 1024;  // status line and fields of an answer; beyond: 502
  std::uint32_t connections = 50'000;             // open client connections of the process; beyond: not accepted
  std::uint32_t connections_per_address = 0;      // of one client address; beyond: closed at once; 0 = no limit
};

// Time-outs on the side of the servers. `[timeouts]` sets them for all pools, `[pool.NAME] timeouts` for one; the
// values in Pool are final.
struct UpstreamTimeouts {
  Millis connect{5'000};  // one connection attempt; then the next server, at last 502
  Millis head{60'000};    // from the last request byte to the head of the answer; then 504
  Millis body{60'000};    // longest silence inside an answer's body or while the server takes no bytes; then cut
  Millis idle{4'000};     // an unused connection is kept this long; below the servers' own keep-alive time
};

// [timeouts]. Zero is not allowed: every wait has a bound.
struct Timeouts {
  Millis request_head{10'000};    // from the first byte of a head to its last; then 408
  Millis client_idle{75'000};     // a connection without a request
  Millis client_body{30'000};     // longest silence while a client sends its body or takes none of the answer
  Millis tunnel_idle{3'600'000};  // longest silence of both sides of an upgraded connection
  UpstreamTimeouts upstream;      // keys upstream_connect, upstream_head, upstream_body, upstream_idle
};

struct PoolServer {
  std::string address;                // HOST:PORT, IPv6 in brackets; a name stands for all its addresses
  std::uint32_t weight = 1;           // share of the traffic, 1 to 1000
  std::uint32_t max_connections = 0;  // requests in flight there, over all workers; 0 = no limit
};

// Active checks, and what failures of real requests do (passive).
struct Health {
  bool active = true;              // false: no checks of our own
  std::string path;                // GET, 200 to 399 is healthy; empty: a connection that opens is healthy
  bool grpc = false;               // grpc.health.v1 instead of the GET
  std::string host;                // Host of the check; empty = the server's address
  Millis interval{2'000};          // between the end of a check and the next
  Millis timeout{1'000};           // of one check
  std::uint32_t rise = 2;          // good checks in a row that bring a server back
  std::uint32_t fall = 3;          // bad checks in a row that take it out
  std::uint32_t passive_fall = 3;  // failures of real requests in a row that take it out; 0 = never
  Millis passive_pause{10'000};    // then it gets none for this long (or until an active check finds it healthy)
};

enum class Balance : std::uint8_t { round_robin, least_requests };
enum class PoolProtocol : std::uint8_t { http1, h2c, h2 };
enum class SendProxy : std::uint8_t { off, v1, v2 };

// `tls` of a pool: how its servers are spoken to.
struct PoolTls {
  bool on = false;
  bool verify = true;
  std::string ca;           // PEM file; empty = the system's authorities
  std::string server_name;  // empty = the host of the server's address
  std::string certificate;  // PEM files to show when asked; both or neither
  std::string key;
  TlsVersion min_version = TlsVersion::tls12;

  bool operator==(const PoolTls&) const = default;
};

// [pool.NAME]: a named set of servers.
struct Pool {
  std::string name;
  std::vector<PoolServer> servers;  // at least one; addresses differ
  Balance balance = Balance::least_requests;
  PoolProtocol protocol = PoolProtocol::http1;
  SendProxy send_proxy = SendProxy::off;  // the PROXY header that connections begin with; http1 only
  Health health;
  PoolTls tls;
  UpstreamTimeouts timeouts;            // those of [timeouts] where the pool sets none
  Millis resolve_interval{10'000};      // names are looked up again this often
  std::uint32_t idle_connections = 64;  // unused connections kept for each address by each worker
  bool drawbridge = false;              // the servers are Drawbridges: their Drawbridge-Not-Processed is passed on
};

// The mode of a site that the state file does not know yet. hold is no mode to start in: it ends by itself.
enum class InitialMode : std::uint8_t { live, readonly, maintenance };

// Rules are "METHOD glob" texts that passed check_rule (values.h); core gives them their meaning.
using Rules = std::vector<std::string>;

struct Readonly {
  Rules read;                  // these are reads, whatever their method
  Rules write;                 // these are writes, whatever their method; asked first
  std::string page;            // folder below pages_dir shown for refused writes; empty = built-in
  Millis retry_after{30'000};  // Retry-After when the end is not known
};

enum class HoldScope : std::uint8_t { writes, all };

struct Hold {
  HoldScope scope = HoldScope::writes;
  std::uint32_t max_requests = 10'000;  // parked at once; beyond: refused
  Millis max_wait{30'000};              // of one request; then refused; at most max_total
  Millis max_total{60'000};             // of the hold; then it ends by itself
  std::uint32_t release_per_second = 5'000;
};

struct Maintenance {
  Rules exempt;                // forwarded in every mode
  std::string page;            // folder below pages_dir; empty = built-in. Not together with pool
  Millis retry_after{60'000};  // Retry-After when the end is not known
  std::string pool;            // name of a pool that answers instead of a page; empty = a page
};

struct Drain {
  Millis timeout{30'000};       // default of --drain
  Millis tunnel_spread{5'000};  // open tunnels are told to go over this time, not all at once; at most timeout
};

enum class HostPolicy : std::uint8_t {
  pass,      // the Host the client sent
  upstream,  // the address of the server
  fixed,     // Site::host_name
};

// Applied after the fields Drawbridge writes itself. Names are legal tokens and never framing or hop-by-hop fields.
struct HeaderEdits {
  std::vector<std::pair<std::string, std::string>> set;  // name (case as written), value; replaces all of that name
  std::vector<std::string> remove;
};

// Strict-Transport-Security (RFC 6797).
struct Hsts {
  Millis max_age{0};  // 0: the field is not sent
  bool include_subdomains = false;
  bool preload = false;
};

enum class SiteCertificate : std::uint8_t { optional, required };

// [site.NAME]: what an operator switches.
struct Site {
  std::string name;
  std::vector<std::string> hosts;          // lower case, "*.example.com" one or more labels; empty = any host
  std::vector<std::string> paths = {"/"};  // prefixes of whole segments; longest wins
  std::string pool;                        // first start only; then the state file rules
  InitialMode mode = InitialMode::live;    // likewise
  Readonly readonly;
  Hold hold;
  Maintenance maintenance;
  Drain drain;
  bool strip_prefix = false;  // true: the matched path prefix is removed on the way to the server
  HostPolicy host = HostPolicy::pass;
  std::string host_name;                // with HostPolicy::fixed
  std::uint16_t redirect_to_https = 0;  // port that requests without TLS are sent to; 0 = they are served
  SiteCertificate client_certificate = SiteCertificate::optional;  // required: a listener asks for them
  Hsts hsts;
  HeaderEdits request_headers;
  HeaderEdits response_headers;
};

struct Config {
  Server server;
  std::vector<Listener> listeners;  // at least one
  Limits limits;
  Timeouts timeouts;
  std::vector<Pool> pools;  // sorted by name, at least one
  std::vector<Site> sites;  // sorted by name, at least one

  // nullptr if there is none. Valid while the Config is neither moved nor changed.
  const Pool* find_pool(std::string_view name) const;
  const Site* find_site(std::string_view name) const;
};

}  // namespace drawbridge::config
