#pragma once

#include "proxy/app/handover.h"
#include "proxy/base/event_log.h"
#include "proxy/base/time.h"
#include "proxy/control/alarms.h"
#include "proxy/serve/worker_group.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace drawbridge::app {

// From SIGTERM to the end of the workers.
//
// Where nobody keeps the listening sockets they close at once, and clients are refused: a balancer notices, and
// what is in flight has the grace.
//
// Where they outlive us clients are not refused but wait in them for the next process, so it is the wait that is
// kept short: newcomers are served as ever until only such requests are in flight as will probably end soon, and
// those of before the signal have ended, or had the grace. Then nobody more is accepted; tunnels are told to go,
// and the others have a short time. What comes meanwhile is the next process's. Control thread only.
class Ending {
 public:
  struct Parts {
    serve::WorkerGroup& workers;
    control::Alarms& alarms;
    Handover& handover;
    base::EventLog& events;
    std::function<bool()> is_cutting_over;  // then it is waited for, as a request is
  };
  explicit Ending(Parts parts) : parts_(std::move(parts)) {}

  // `ended` when all workers have. Called again: what is left ends now.
  void begin(base::Millis grace, std::function<void()> ended);
  // What an operator should know of it; empty before begin().
  std::string sentence(base::SteadyTime now) const;

 private:
  enum class Why : std::uint8_t { soon_over, grace_over, told_again };

  void look();
  void leave(Why why);

  Parts parts_;
  std::optional<base::SteadyTime> asked_;
  base::Millis grace_{};
  bool leaving_ = false;
  std::function<void()> ended_;
};

// Whether to stop accepting now. `oldest`: since when the oldest request in flight is, none if there is none.
bool may_leave(base::SteadyTime asked, base::SteadyTime now, std::optional<base::SteadyTime> oldest);

}  // namespace drawbridge::app
