#include "proxy/app/ending.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::app {
namespace {

using namespace std::chrono_literals;

constexpr base::Millis look_every{20};

// A request has probably as long to go as it has lived. The longer we have waited for a moment without long ones,
// the longer may be what is left.
constexpr base::Millis short_request{1'000}, long_request{5'000};

// What is in flight when we leave, for as long as newcomers wait: what began after the signal; and tunnels, and
// what has had its grace.
constexpr base::Millis last_call{10'000}, last_call_of_tunnels{1'500};
constexpr serve::Parting brief{.tunnel_spread = 500ms, .newcomer_time = 1'000ms};

}  // namespace

bool may_leave(base::SteadyTime asked, base::SteadyTime now, std::optional<base::SteadyTime> oldest) {
  if (!oldest) return true;
  if (*oldest <= asked) return false;
  const auto waited = std::chrono::duration_cast<base::Millis>(now - asked);
  return now - *oldest < std::clamp(waited / 2, short_request, long_request);
}

Ending::Ending(serve::WorkerGroup& workers, control::Alarms& alarms, Handover& handover, base::EventLog& events)
    : workers_(workers), alarms_(alarms), handover_(handover), events_(events) {}

void Ending::begin(base::Millis grace, std::function<void()> ended) {
  if (asked_) {
    leave(true);
    return workers_.end_all();
  }
  asked_ = base::SteadyClock::now();
  grace_ = grace;
  ended_ = std::move(ended);
  events_.info("shutting_down", {{"grace", base::format_duration(grace)},
                                 {"newcomers", handover_.outlives_us() ? "served until then" : "refused"}});
  handover_.ending(grace);
  if (handover_.outlives_us()) return look();
  leaving_ = true;
  workers_.shut_down({}, std::move(ended_));
  alarms_.at(*asked_ + grace, [this] {
    events_.warning("shutdown_grace_passed");
    workers_.end_all();
  });
}

void Ending::look() {
  if (leaving_) return;
  if (base::SteadyClock::now() >= *asked_ + grace_) return leave(true);
  workers_.oldest_request([this](std::optional<base::SteadyTime> oldest) {
    const auto now = base::SteadyClock::now();
    if (may_leave(*asked_, now, oldest)) return leave(false);
    alarms_.at(std::min(now + look_every, *asked_ + grace_), [this] { look(); });
  });
}

void Ending::leave(bool grace_over) {
  if (std::exchange(leaving_, true)) return;
  const auto now = base::SteadyClock::now();
  if (grace_over) events_.warning("shutdown_grace_passed");
  events_.info("newcomers_left_to_next",
               {{"after", base::format_duration(std::chrono::duration_cast<base::Millis>(now - *asked_))}});
  workers_.shut_down(brief, std::move(ended_));
  const auto before = grace_over ? *asked_ : base::SteadyTime::min();
  alarms_.at(now + last_call_of_tunnels, [this, before] { workers_.end_old(before); });
  alarms_.at(now + last_call, [this] { workers_.end_all(); });
}

std::string Ending::sentence(base::SteadyTime now) const {
  if (!asked_) return {};
  const auto since = base::format_duration(std::chrono::floor<std::chrono::seconds>(now - *asked_));
  const auto* how = !leaving_                 ? "serves on until what was in flight has ended"
                    : handover_.outlives_us() ? "accepts nobody more: clients wait for the next process"
                                              : "accepts nobody more: clients are refused";
  return fmt::format(
      "proxyd was told to end {} ago and {} (at most {}); an order that still waits then gets no "
      "receipt, and a cutover that has not flipped goes back",
      since, how, base::format_duration(grace_));
}

}  // namespace drawbridge::app
