#pragma once

#include "proxy/base/time.h"
#include "proxy/control/alarms.h"
#include "proxy/control/state.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

// How long the mode of a site still lasts; nullopt without an end, zero when it is over. The steady clock decides
// where the state knows it for this boot; else the wall clock, and then never longer than the mode was meant to
// last.
std::optional<base::Millis> remaining(const SiteState& site, const base::Now& now, const std::string& boot);

// Fixes the end of each mode by the steady clock of this boot, where that was not done before. A mode that is new
// has no `ends` yet.
void fix_ends(State& state, const base::Now& now, const std::string& boot);

// Watches for the modes that end by themselves. Control thread.
class ModeTimer {
 public:
  // Sites whose time is over, configured ones only. False: could not be done, ask again later.
  using Expire = std::function<bool(const std::vector<std::string>& sites)>;

  ModeTimer(Alarms& alarms, std::string boot, Expire expire);
  ~ModeTimer();
  ModeTimer(const ModeTimer&) = delete;
  ModeTimer& operator=(const ModeTimer&) = delete;

  // The state as it is now. Called after every change; replaces what was watched for.
  void follow(const State& state);
  void stop();

 private:
  void arm(base::SteadyTime at);
  void fire();

  Alarms& alarms_;
  std::string boot_;
  Expire expire_;
  std::map<std::string, base::SteadyTime> ends_;
  Alarms::Id armed_ = 0;
  base::Millis retry_{0};
};

}  // namespace drawbridge::control
