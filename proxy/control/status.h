#pragma once

#include "proxy/base/time.h"
#include "proxy/control/cutovers.h"
#include "proxy/core/ledger.h"
#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

// A change of a site that waits for requests to end, or whose deadline passed while they did not.
struct Draining {
  std::string what;  // "readonly"
  std::uint64_t epoch = 0;
  base::WallTime since;  // when it was published
  base::Millis elapsed{};
  base::Millis left{};     // until the deadline; 0 when it has passed
  core::ClassCounts open;  // of this site, as of at most about a second ago
};

// A part of a site on a pool of its own.
struct SliceStatus {
  core::SliceId id = 0;
  SliceState slice;
  std::optional<std::uint64_t> writes;  // accepted since its last cutover; none: not known
};

struct SiteStatus {
  core::SiteId id = 0;
  std::string name;
  core::ModeState mode;
  std::optional<base::Millis>
      ends_in;              // until mode.then follows; by the steady clock, so right when mode.until is not
  std::uint64_t epoch = 0;  // of the last change to this site
  std::string pool;
  std::string notice_pool;       // maintenance.pool; empty if none
  std::uint32_t parked_max = 0;  // hold.max_requests
  std::optional<Draining> draining;
  std::string previous_pool;  // where rollback goes; empty: nowhere
  bool rolled_back = false;   // it came from there by a rollback: there is none from here
  std::optional<CutoverStatus> cutover;
  std::optional<core::Outcome> last_cutover;  // how the last one since the start ended
  std::vector<SliceStatus> slices;            // in the order in which they are asked; `pool` is that of the rest
};

struct PoolStatus {
  core::PoolId id = 0;
  std::string name;
  core::Balance balance = core::Balance::least_requests;
  std::vector<core::PoolServer> servers;
  std::string speaks;              // core/speech.h
  std::vector<std::string> sites;  // whose active pool or notice pool it is
};

// A certificate that a listener shows to its clients.
struct CertificateStatus {
  std::string listener;  // its address
  std::string file;
  std::string subject;             // RFC 4514
  std::vector<std::string> names;  // that it is good for
  std::string key_type;            // "RSA 2048", "EC 256"
  base::WallTime expires;
  base::WallTime staple_until = base::WallTime::max();  // then its OCSP staple is not sent; max: no staple, no end
  std::string problem;  // with the files found since, which are not used; empty: none
};

// What the controller knows. What is in flight and what is healthy it does not: ask Workers::load and the board.
struct Status {
  std::uint64_t epoch = 0;
  base::WallTime now;
  base::WallTime started_at;
  std::vector<SiteStatus> sites;                // sorted by name
  std::vector<PoolStatus> pools;                // likewise
  std::vector<CertificateStatus> certificates;  // filled in by who knows them
  std::vector<std::string> warnings;            // sentences about state and history that an operator must act on
};

// What `wait` waits for.
struct WaitFor {
  enum class Until : std::uint8_t { drained, live, mode } until = Until::drained;
  core::Mode mode = core::Mode::live;  // of Until::mode
  std::vector<std::string> sites;      // empty: all
  base::Millis timeout{24 * 3'600'000};
};

struct Waited {
  bool reached = false;  // false: the time was over first
  base::Millis waited{};
  std::vector<std::string> missing;  // sites that were not there yet
  std::string note;                  // why it will not be reached: the cutover that was waited for came to nothing
};

}  // namespace drawbridge::control
