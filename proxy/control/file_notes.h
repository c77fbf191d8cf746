#pragma once

#include "config/config.h"
#include "proxy/base/time.h"
#include "proxy/control/refusal.h"
#include "proxy/control/state.h"
#include "proxy/core/command.h"

#include <map>
#include <string>
#include <vector>

namespace drawbridge::control {

// What the configuration file says and is not in force: a reload that was refused, and a `pool` or `mode` that was
// edited for a site whose state rules. Sentences for status and doctor. Control thread only.
class FileNotes {
 public:
  // Until the next reload that is carried out.
  void reload_refused(const Refusal& refusal, const core::Actor& actor, base::WallTime now);

  // The sites that the edit of a reload does not move, as a sentence for its receipt; empty if there are none.
  std::string reloaded(const config::Config& before, const config::Config& after, const State& state);

  // A site that has come to what the file says is forgotten.
  void follow(const config::Config& config, const State& state);

  std::vector<std::string> warnings(const config::Config& config, const State& state) const;

 private:
  // What the file said before the edits, so that taking them back is no edit.
  struct Edited {
    std::string pool;
    config::InitialMode mode = config::InitialMode::live;
  };

  std::string refused_;
  std::map<std::string, Edited> edited_;  // by site
};

}  // namespace drawbridge::control
