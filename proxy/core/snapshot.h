#pragma once

#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/route.h"
#include "proxy/core/rule.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::core {

struct AnswerSet;  // core/answer.h: the rendered answers of one mode of one site

// Small stable numbers: given by control/ to a name when it first appears, never reused while the process lives.
// They index per-worker arrays (ledger, counters, upstream pools), so each has a bound in base/limits.h.
using SiteId = std::uint16_t;
using PoolId = std::uint16_t;
using ServerId = std::uint16_t;

enum class ServerAdmin : std::uint8_t { ready, drain, disabled };  // what the operator wants of a server
enum class Balance : std::uint8_t { least_requests, round_robin };

struct PoolServer {
  ServerId id = 0;
  std::string address;  // as configured: "host:port"
  unsigned weight = 1;
  ServerAdmin admin = ServerAdmin::ready;
};

struct PoolView {
  PoolId id = 0;
  std::string name;
  Balance balance = Balance::least_requests;
  std::vector<PoolServer> servers;
};

using FieldList = std::vector<std::pair<std::string, std::string>>;

// How requests of a site are rewritten on their way (DESIGN: forwarding).
struct ForwardPolicy {
  bool strip_prefix = false;  // the matched path prefix is not sent to the upstream
  enum class Host : std::uint8_t { pass, upstream, fixed } host = Host::pass;
  std::string fixed_host;
  FieldList request_set, response_set;
  std::vector<std::string> request_remove, response_remove;
};

// One site as the data path sees it. Immutable once published.
struct SiteView {
  SiteId id = 0;
  std::string name;
  ModeState mode;
  const PoolView* pool = nullptr;    // active pool; owned by the same snapshot
  const PoolView* notice = nullptr;  // maintenance.pool, else null
  RuleSet rules;
  ForwardPolicy forward;
  base::Millis retry_after{30'000};  // when `mode.until` is not known
  std::shared_ptr<const AnswerSet>
      answers;  // of this mode; shared by snapshots that did not change them; null in live
};

// What all workers decide by, as one value. Built by control/, published by one release-store, read-only after,
// freed when no admission of its epoch is left. Worker threads only hold a pointer inside an admission.
struct Snapshot {
  std::uint64_t epoch = 0;
  std::vector<std::unique_ptr<PoolView>> pools;
  std::vector<std::unique_ptr<SiteView>> sites;
  RouteTable routes;  // (host, path) → index into `sites`
};

}  // namespace drawbridge::core
