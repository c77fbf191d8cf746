#pragma once

#include "proxy/cli/manual.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::ctl {

enum class Verb : std::uint8_t {
  status,
  mode,
  wait,
  explain,
  pool_list,
  server,
  page_preview,
  history,
  events,
  reload,
  cutover,
  rollback,
  abort,
  doctor,
  version,
  help,
};

// A command line after parsing: each value has been read once, so that a mistake is a usage error and never reaches
// the daemon. Durations keep their text: they go over the wire as they were typed.
struct Options {
  Verb verb = Verb::status;
  bool json = false;
  std::string socket;
  std::vector<std::string> sites;

  bool watch = false;  // status

  std::string mode;  // mode; also of page preview
  std::string lasts, until, then, scope, drain, reason;
  bool cut = false;
  std::string match, to, hold, deadline, run, check;  // cutover
  bool dry_run = false, abort = false, now = false;
  std::string watch_for, errors_max;
  bool return_on_errors = false;
  bool discard_writes = false;  // rollback
  std::optional<std::uint64_t> if_epoch;

  std::string timeout;  // wait; its condition is `until`

  std::string method, url;  // explain
  std::vector<std::string> headers;
  std::string from;

  std::string admin, pool, address;  // server

  std::string form = "html";  // page preview
  bool head = false;

  std::uint64_t after = 0;  // events
  bool has_after = false;
  std::uint64_t count = 0;  // history; 0: the daemon's

  cli::HelpTopic topic = cli::HelpTopic::usage;
  std::string names;  // help --names TYPE: what the shells complete with
};

}  // namespace drawbridge::ctl
