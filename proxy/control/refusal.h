#pragma once

#include "config/problem.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::control {

enum class RefusalCode : std::uint8_t {
  bad_request,   // an argument or a combination of arguments makes no sense, whatever the state
  refused,       // the change makes no sense now
  unknown_site,  // names that are not configured; `hint` has the nearest one
  unknown_pool,
  unknown_server,
  epoch_changed,   // --if-epoch names another epoch than the current one
  config_invalid,  // reload: see `problems`
  needs_restart,   // reload: see `keys`
  not_stored,      // the state folder cannot keep the change
  shutting_down,
};

// As in JSON: "unknown_site".
std::string_view name(RefusalCode code);

// Why a command was not carried out. Nothing has changed.
struct Refusal {
  RefusalCode code = RefusalCode::refused;
  std::string message;                      // one sentence for people
  std::string hint{};                       // what to do, or the nearest name; may be empty
  std::vector<config::Problem> problems{};  // of config_invalid
  std::vector<std::string> keys{};          // of needs_restart
  bool uncertain = false;                   // of not_stored: a restart may find the change in force
};

}  // namespace drawbridge::control
