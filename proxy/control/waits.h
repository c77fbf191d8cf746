#pragma once

#include "proxy/control/alarms.h"
#include "proxy/control/refusal.h"
#include "proxy/control/status.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace drawbridge::control {

// Those who wait until sites are in a mode or have drained. Control thread.
class Waits {
 public:
  using Done = std::function<void(std::expected<Waited, Refusal>)>;
  // Whether a site is where the wait wants it.
  using IsThere = std::function<bool(const std::string& site, const WaitFor& what)>;
  static constexpr std::size_t waits_max = 1'000;

  Waits(Alarms& alarms, IsThere is_there);
  ~Waits();
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  // `what.sites` are resolved. `done` never inside the call; at most waits_max, more are refused.
  std::uint64_t add(WaitFor what, Done done);
  void cancel(std::uint64_t id);
  // A cutover of `site` has come to nothing: who waits for its old pool to drain waits for nothing.
  void fail(const std::string& site, const std::string& note);
  // Something may have changed: looks at each wait again.
  void look();
  void stop();

 private:
  struct Wait {
    WaitFor what;
    Done done;
    base::SteadyTime since;
    Alarms::Id over = 0;
  };

  std::vector<std::string> missing(const WaitFor& what) const;
  void end(std::uint64_t id, std::expected<Waited, Refusal> result);
  void give_up(std::uint64_t id);

  Alarms& alarms_;
  IsThere is_there_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Wait> waits_;
};

}  // namespace drawbridge::control
