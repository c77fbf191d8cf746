#pragma once

#include "proxy/base/check.h"
#include "proxy/net/loop.h"

#include <coroutine>
#include <cstdint>
#include <utility>

namespace drawbridge::net {

// What one task waits for and another tells it, with a deadline. A telling that finds nobody is forgotten: the
// waiter looks at what it waits for first. Loop thread only.
class Signal final : private Deadline::Owner {
 public:
  enum class Resume : std::uint8_t { soon, last };  // in a turn: see Loop::ready_last()

  explicit Signal(Loop& loop, Resume resume = Resume::soon)
      : loop_(loop), resume_(resume), deadline_(loop.wheel(), *this) {}
  ~Signal() { DRAWBRIDGE_CHECK(!waiter_); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Waits once: true if told, false at the deadline.
  auto wait(base::SteadyTime deadline) {
    struct Wait {
      Signal& signal;
      base::SteadyTime deadline;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiter) {
        DRAWBRIDGE_CHECK(!signal.waiter_);
        signal.waiter_ = waiter;
        signal.deadline_.arm(deadline);
      }
      bool await_resume() const noexcept { return signal.told_; }
    };
    return Wait{*this, deadline};
  }
  auto wait() { return wait(base::SteadyTime::max()); }

  // The waiter goes on later in this turn.
  void tell() { end(true); }
  // As if its deadline had come.
  void interrupt() { end(false); }

 private:
  void deadline_passed(Deadline&) override { end(false); }
  void end(bool told) {
    if (!waiter_) return;
    told_ = told;
    deadline_.disarm();
    const auto waiter = std::exchange(waiter_, nullptr);
    if (resume_ == Resume::last) {
      loop_.ready_last(waiter);
    } else {
      loop_.ready(waiter);
    }
  }

  Loop& loop_;
  Resume resume_;
  Deadline deadline_;
  std::coroutine_handle<> waiter_;
  bool told_ = false;
};

}  // namespace drawbridge::net
