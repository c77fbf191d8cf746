#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <functional>
#include <string>

namespace drawbridge::control {

// Time as control/ sees it: the clocks, and calls that come later. Control thread only; calls never come inside
// at() or post(). Implemented over the io_context by asio_alarms.h, by hand in tests.
class Alarms {
 public:
  using Id = std::uint64_t;  // 0 is never given

  virtual ~Alarms() = default;
  virtual base::Now now() const = 0;
  // Calls once when the steady clock has reached `time`.
  virtual Id at(base::SteadyTime time, std::function<void()> call) = 0;
  // The call will not come, even if its time has passed. Unknown ids are fine.
  virtual void cancel(Id id) = 0;
  virtual void post(std::function<void()> call) = 0;
};

// Names this boot of the machine; empty if the kernel does not tell. The steady clock runs on across restarts of
// the process, but not of the machine, so a stored steady time needs it beside it.
std::string boot_id();

}  // namespace drawbridge::control
