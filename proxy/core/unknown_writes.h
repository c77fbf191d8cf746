#pragma once

#include "proxy/base/limits.h"
#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/plan.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace drawbridge::core {

// A request in flight as a person reads it: in receipts and `status`.
struct OpenRequest {
  std::string request_id;
  std::string site;
  RequestClass request_class = RequestClass::read;
  std::string method;
  std::string path;  // as received, cut to limits::shown_path_bytes_max
  base::Millis age{};
  // Of a write whose outcome is unknown: who may still be at it; since when it has ended here.
  std::string server = {};
  base::Millis ended_ago{};
};

// Writes that have ended here without their servers' whole answer, some time ago: newest first.
struct UnknownWrites {
  std::uint64_t count = 0;
  bool exact = true;                  // false: at least so many, older ones were forgotten too early
  base::Millis newest{};              // since the last of them has ended here
  std::vector<OpenRequest> requests;  // at most limits::listed_requests_max

  // Of another worker.
  UnknownWrites& operator+=(UnknownWrites other);
};

// The last such writes of one worker, for limits::unknown_writes_kept_ms, at most limits::unknown_writes_max. Their
// servers may still be at work on them, and no ledger knows them any more. A site with many takes no place from
// others.
class UnknownWriteMemory {
 public:
  void add(SiteId site, OpenRequest request, base::SteadyTime ended);
  // Of these sites; ages are as of `now`.
  UnknownWrites recent(const std::vector<SiteId>& sites, base::SteadyTime now) const;

 private:
  struct Remembered {
    SiteId site = 0;
    base::SteadyTime ended;
    OpenRequest request;
  };

  void forget_one();

  std::deque<Remembered> writes_;                 // oldest first
  std::map<SiteId, base::SteadyTime> forgotten_;  // when the newest of those that gave way had ended
};

}  // namespace drawbridge::core
