#pragma once

#include "proxy/core/facts.h"
#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <string_view>

namespace drawbridge::core {

enum class Verdict : std::uint8_t {
  forward,         // to `pool`
  refuse,          // answer of the site's mode; the upstream sees no byte
  park,            // wait for the end of a hold, then decide again
  no_site,         // 404: no site claims this host and path
  ambiguous,       // 400: ways to read the request belong to different sites, or to slices on different pools
  redirect,        // to the same address under https
  no_certificate,  // 403: the site wants one of its clients
  misdirected,     // 421: likewise, and on a connection made for its host the client may show one
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
  ambiguous_slice,
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
  const PoolView* pool =
      nullptr;                   // of forward: the site's active pool, a slice's, or the notice pool in maintenance
  const Slice* slice = nullptr;  // of a site that is split: the slice that decided; null: the rest
  bool notice = false;           // `pool` is the notice pool: the answer gets no-store and Retry-After
  std::uint32_t prefix_bytes = 0;  // RouteTable::Match::prefix_bytes
};

// Pure. Does not allocate for paths up to limits::fast_path_bytes.
Plan decide(const Snapshot& snapshot, const RequestFacts& facts);

// Whether a request that was forwarded by `plan` would go to another pool under `to`. What cannot be told moves.
bool moves(const Plan& plan, const RequestFacts& facts, const Placement& to);

// What a request that is refused, or waited in vain, gets; null in live.
const AnswerSet* answers_of(const Plan& plan);

}  // namespace drawbridge::core
