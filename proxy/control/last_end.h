#pragma once

#include "proxy/base/time.h"
#include "proxy/control/state.h"

#include <string>
#include <vector>

namespace drawbridge::control {

// What this process does not know of the one before it: which writes ended there without their servers' whole
// answer in the ten minutes (limits::unknown_writes_kept_ms) that receipts speak of. Control thread.
class LastEnd {
 public:
  // `end`: what that process has kept of its end; none: it was killed, or there was none before it.
  void begun(const base::Now& now, bool first_start, const std::optional<Ended>& end);

  // What a receipt of these sites must say of it, as a sentence; empty when there is nothing to say any more.
  std::string sentence(const std::vector<std::string>& sites, base::SteadyTime now) const;

 private:
  base::WallTime started_at_;
  base::SteadyTime told_until_ = base::SteadyTime::min();
  std::optional<Ended> end_;
};

}  // namespace drawbridge::control
