#pragma once

#include "proxy/base/time.h"
#include "proxy/control/refusal.h"
#include "proxy/core/cutover.h"
#include "proxy/core/ledger.h"
#include "proxy/core/receipt.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

enum class Stage : std::uint8_t { published, fenced, draining };

std::string_view name(Stage stage);

// How far a cutover has come, beside the drain that Progress tells of.
struct CutoverProgress {
  std::uint64_t id = 0;
  core::CutoverStage stage = core::CutoverStage::drain;
  std::string site, from, to;
  std::string match;              // of a slice; empty: the whole site
  base::Millis left{};            // until the deadline, or the end of the watch
  core::UnknownWrites earlier;    // core::Receipt::earlier, once it has drained
  std::string before_restart;     // likewise
  std::uint64_t open_at_run = 0;  // core::CutoverReceipt's
  std::vector<core::OpenRequest> oldest_at_run;
  std::optional<core::WatchReceipt> watched;
};

// How far a change has come. published and fenced are told once, draining about once a second.
struct Progress {
  Stage stage = Stage::published;
  std::uint64_t epoch = 0;
  base::Millis elapsed{};                  // since it was published
  std::optional<base::Millis> timeout;     // of the drain, from when it was published; none: nothing to wait for
  core::ClassCounts open;                  // of what must end
  std::optional<std::uint64_t> at_server;  // of a server that is taken out: requests that it still has
  std::vector<core::OpenRequest> oldest;
  std::optional<CutoverProgress> cutover;
};

// The end of a command.
using Done = std::expected<core::Receipt, Refusal>;

// Who waits for a command. Called on the control thread, never inside submit(). `progress` may be empty and comes
// only between publication and `done`; `done` comes exactly once, so a refusal is always the first thing told.
// What they refer to must live until then (hold a weak reference to a session that may go away).
struct Completion {
  std::function<void(const Progress&)> progress;
  std::function<void(Done)> done;
  // Whether the one who asked is still there; empty: nobody knows, so yes. A cutover without its operator goes
  // back.
  std::function<bool()> is_there{};
};

}  // namespace drawbridge::control
