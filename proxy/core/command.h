#pragma once

#include "proxy/base/time.h"
#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace drawbridge::core {

// Who asks: from the peer credentials of the admin socket, or "timer" / "config" for the proxy itself.
struct Actor {
  std::string name;  // user name, or the uid as text
  std::int64_t uid = -1;
  std::int64_t pid = -1;
};

// `proxyctl mode MODE [SITE…]`. Empty `sites` means all.
struct ModeCommand {
  Mode mode = Mode::live;
  std::optional<HoldScope> scope;  // --scope; of hold only; none: the site's
  std::vector<std::string> sites;
  std::optional<base::Millis> lasts;          // --for
  std::optional<base::WallTime> until;        // --until
  std::optional<Mode> then;                   // --then; none: live, or as it was if the mode stays
  std::optional<base::Millis> drain_timeout;  // --drain; none: the site's
  bool cut = false;
  std::string reason;
};

// `proxyctl server drain|ready|disable POOL ADDRESS`.
struct ServerCommand {
  std::string pool;
  std::string address;
  ServerAdmin admin = ServerAdmin::ready;
  std::optional<base::Millis> drain_timeout;  // --drain; none: the longest of the pool's sites; not of ready
  bool cut = false;                           // --cut; likewise
  std::string reason;
};

// `proxyctl reload`: read the configuration file again, swap or change nothing.
struct ReloadCommand {};

// `proxyctl cutover SITE --to POOL` and `proxyctl rollback SITE`.
struct CutoverCommand {
  std::string site;
  std::string match;                          // --match; of a slice; empty: the whole site
  std::string to;                             // of a rollback empty: the pool before the last cutover
  std::optional<HoldScope> hold;              // --hold; none: the site's
  std::optional<base::Millis> drain_timeout;  // --drain; none: the site's, at most the deadline
  std::optional<base::Millis> deadline;       // --deadline, from the hold to the flip; none: hold.max_total
  bool run = false;                           // the client has a command to run while the site is held
  std::string check;                          // --check; a path; empty: none
  bool cut = false;
  bool dry_run = false;
  std::optional<Mode> then;  // none: the mode stays
  bool rollback = false;
  bool discard_writes = false;  // of a rollback or return: although the pool that is left has accepted writes
  base::Millis watch{0};        // --watch, after the flip; 0: none
  double errors_max = 0.05;     // --errors-max: what part of the new pool's answers may be 5xx meanwhile
  bool return_on_errors = false;
  std::string reason;
};

struct Command {
  std::variant<ModeCommand, ServerCommand, ReloadCommand, CutoverCommand> what;
  std::optional<std::uint64_t> if_epoch;  // refused unless the current epoch is this one
  Actor actor;
};

}  // namespace drawbridge::core
