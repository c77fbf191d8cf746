#pragma once

#include "proxy/base/time.h"
#include "proxy/core/command.h"
#include "proxy/core/receipt.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

// One line of the audit: a change that was made, or how one ended.
struct HistoryEntry {
  enum class Kind : std::uint8_t {
    changed,  // made: durable and published
    ended,    // its fence and drain are over; `outcome` and the counts say how
  };
  struct Site {
    std::string name;
    std::string before;  // "live", "readonly": empty where the change was not one of the site's mode
    std::string after;
  };

  Kind kind = Kind::changed;
  base::WallTime at;
  std::uint64_t epoch = 0;  // the one that the change made: joins the two lines of one change
  std::string what;         // "readonly", "server drain blue 127.0.0.1:9001", "reload"
  core::Actor actor;
  std::string reason;
  std::string output;  // of a cutover's command: the last that it printed
  std::vector<Site> sites;

  // Of `ended`.
  core::Outcome outcome = core::Outcome::done;
  base::Millis fenced{};
  base::Millis drained{};
  core::ClassCounts ended;
  core::ClassCounts cut;
  core::ClassCounts unknown;
  core::ClassCounts outstanding;
  std::string note;
};

}  // namespace drawbridge::control
