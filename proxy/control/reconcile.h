#pragma once

#include "config/config.h"
#include "proxy/base/failure.h"
#include "proxy/base/time.h"
#include "proxy/control/state.h"

#include <string>
#include <vector>

namespace drawbridge::control {

// State that fits a configuration, and what had to be done for it.
struct Reconciled {
  struct Note {
    std::string event;  // "site_added", "site_kept", "server_state_dropped", "site_pool_replaced", …
    std::string name;   // of the site; "POOL ADDRESS" of a server
  };
  State state;
  std::vector<Note> notes;
};

// Fits `state` to `config`, pure:
//  - a site that the state does not know starts as the configuration says;
//  - one that is configured no more is kept, so that a site in maintenance does not come back live when a wrong
//  edit
//    is corrected; its pool is the configuration's again if its own is gone when it comes back;
//  - a configured site whose active pool the configuration does not have is an error: to send its traffic to
//  another
//    pool is a decision that only an operator can take;
//  - likewise a slice whose pool is gone;
//  - what operators wanted of servers that are gone is dropped.
base::Expected<Reconciled> reconcile(const config::Config& config, State state, base::WallTime now);

core::Mode initial_mode(config::InitialMode mode);

// The state after a loss of all state: every site in maintenance, since nobody knows what was on.
State all_in_maintenance(const config::Config& config, base::WallTime now);

// ModeState::by of the above.
inline constexpr const char* recovery_name = "recovery";

}  // namespace drawbridge::control
