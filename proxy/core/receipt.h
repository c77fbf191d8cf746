#pragma once

#include "proxy/base/time.h"
#include "proxy/core/cutover.h"
#include "proxy/core/ledger.h"
#include "proxy/core/mode.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::core {

enum class Outcome : std::uint8_t {
  done,         // in force, and all that had to end has ended
  outstanding,  // in force, but the drain deadline passed with requests open (exit code 4)
  unknown,      // in force, all has ended here, but of some writes nobody knows whether at their servers (likewise)
  cut,          // in force; what was open at the deadline was cut and is listed, nor is the end of others known
  superseded,   // was in force, but a later change took it back before all that had to end had ended
  failed_back,  // a cutover that was given up: the site is on the old pool in the mode it had before
  returned,     // a cutover whose new pool had too many errors: the site went back to the old pool
  watch_failed,  // likewise, but the site is on the new pool
};

std::string_view name(Outcome outcome);

// What the watch of a cutover has come to.
struct WatchReceipt {
  base::Millis lasted{};
  WatchSample sample;
};

// What a cutover adds to its receipt.
struct CutoverReceipt {
  std::uint64_t id = 0;
  std::string from, to;  // several pools to leave are a list, "blue, red"
  std::string match;     // of a slice; empty: the whole site
  struct Slice {
    std::string match, pool;
  };
  std::vector<Slice> absorbed;  // of the whole site: slices that it had and has no more
  std::vector<Slice> restored;  // of its rollback: slices that it has again
  bool dry_run = false;
  CutoverStage failed_at = CutoverStage::guard;  // of failed_back: the stage that failed
  CutoverFailure failure = CutoverFailure::none;
  std::optional<base::WallTime> flip_at;
  Mode mode_before = Mode::live;   // of the site
  Mode mode = Mode::live;          // of the site after it
  base::Millis held{};             // from the hold to its end
  std::uint64_t parked = 0;        // requests that waited
  base::Millis longest_parked{};   // of these
  std::uint64_t left_parking = 0;  // of these: their clients went away
  std::uint64_t refused = 0;       // requests that waited in vain or found no place to wait
  // Writes that the old pool was at when the command began, and the oldest of them: exempt ones do not wait.
  std::uint64_t open_at_run = 0;
  std::vector<OpenRequest> oldest_at_run;
  ClassCounts open_at_flip;                      // what the old pool was at; exempt ones too, but of a slice
  std::optional<base::WallTime> last_write_at;   // the old pool's last write ended; none: none did, or one was open
  std::optional<base::WallTime> first_write_at;  // the new pool's first one began; none: not yet
  std::optional<WatchReceipt> watched;
  std::optional<int> exit_code;  // of the command
  // Of a move back: that the pool which is left has accepted since it was moved to.
  std::optional<std::uint64_t> writes;
  bool writes_exact = true;  // false: at least so many
  bool discards = false;     // they are given up knowingly: a rollback
};

// What a changing command returns (DESIGN: fence, drain, receipt). Times are of the proxy's clock.
struct Receipt {
  std::uint64_t epoch = 0;
  std::vector<std::string> sites;
  std::string what;  // "readonly", "live", "server drain", "reload", …: the change in one word or two
  base::WallTime published_at;
  base::Millis fenced{};   // until every worker had passed the fence
  base::Millis drained{};  // until the last that had to end had ended, or the deadline
  ClassCounts ended;       // admitted before the fence, ended during the drain
  // The lists are bounded (limits::listed_requests_max a worker), the counts are not.
  ClassCounts cut_counts;
  std::vector<OpenRequest> cut;  // their outcome is unknown
  // Writes that ended meanwhile without their server's whole answer: it may still be at them.
  ClassCounts unknown_counts;
  std::vector<OpenRequest> unknown;
  UnknownWrites earlier;       // that had ended so before the command came. Of the sites, wherever they were sent
  std::string before_restart;  // what is not known of such, for proxyd was restarted: a sentence, or empty
  ClassCounts outstanding_counts;
  std::vector<OpenRequest> outstanding;
  // Of a server that was taken out: requests that it had when the wait ended. They are counted, not listed.
  std::optional<std::uint64_t> at_server;
  Outcome outcome = Outcome::done;
  std::string warning;  // what the operator may not have meant, as a sentence; else empty
  std::string note;     // superseded: by what and whom; failed_back: why; as a sentence, else empty
  std::optional<CutoverReceipt> cutover;
};

}  // namespace drawbridge::core
