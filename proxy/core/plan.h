#pragma once

#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
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
  bool upgrade = false;  // asks for a tunnel (Upgrade with Connection: upgrade)
};

enum class Verdict : std::uint8_t {
  forward,    // to `pool`
  refuse,     // answer of the site's mode; the upstream sees no byte
  park,       // wait for the end of a hold, then decide again
  no_site,    // 404: no site claims this host and path
  ambiguous,  // 400: readings of the path belong to different sites
};

// Why a request has its class and verdict: for explain, the access log and metrics.
enum class Why : std::uint8_t {
  method,  // class by effective method
  method_override,
  write_rule,
  read_rule,
  upgrade,
  exempt_rule,  // forwarded in every mode
  no_site,
  ambiguous_path,
};

std::string_view name(Verdict verdict);
std::string_view name(Why why);

// The decision on one request. Pointers belong to the snapshot it was made from.
struct Plan {
  Verdict verdict = Verdict::no_site;
  RequestClass request_class = RequestClass::read;
  Why why = Why::no_site;
  bool told_to_go = false;  // a tunnel that the site's next readonly/hold may end (no read or exempt rule names it)
  bool exempt = false;      // an exempt rule matched: no mode and no drain concerns it
  const Rule* rule = nullptr;  // the rule that decided, if one did
  const SiteView* site = nullptr;
  const PoolView* pool = nullptr;  // of forward: the site's active pool, or its notice pool in maintenance
  bool notice = false;             // `pool` is the notice pool: the answer gets no-store and Retry-After
  std::uint32_t prefix_bytes = 0;  // RouteTable::Match::prefix_bytes
};

// Pure. Does not allocate for paths up to limits::fast_path_bytes.
Plan decide(const Snapshot& snapshot, const RequestFacts& facts);

}  // namespace drawbridge::core
