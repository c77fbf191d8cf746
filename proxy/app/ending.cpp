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

void Ending::begin(base::Millis grace, std::function<void()> ended) {
  if (asked_) {
    leave(Why::told_again);
    return parts_.workers.end_all();
  }
  asked_ = base::SteadyClock::now();
  grace_ = grace;
  ended_ = std::move(ended);
  parts_.events.info("shutting_down",
                     {{"grace", base::format_duration(grace)},
                      {"newcomers", parts_.handover.outlives_us() ? "served until then" : "refused"}});
  parts_.handover.ending(grace, grace + last_call);
  if (parts_.handover.outlives_us()) return look();
  leaving_ = true;
  parts_.workers.shut_down({}, std::move(ended_));
  parts_.alarms.at(*asked_ + grace, [this] {
    parts_.events.warning("shutdown_grace_passed");
    parts_.workers.end_all();
  });
}

void Ending::look() {
  if (leaving_) return;
  if (base::SteadyClock::now() >= *asked_ + grace_) return leave(Why::grace_over);
  parts_.workers.oldest_request([this](std::optional<base::SteadyTime> oldest) {
    const auto now = base::SteadyClock::now();
    if (may_leave(*asked_, now, oldest) && !parts_.is_cutting_over()) return leave(Why::soon_over);
    parts_.alarms.at(std::min(now + look_every, *asked_ + grace_), [this] { look(); });
  });
}

void Ending::leave(Why why) {
  if (std::exchange(leaving_, true)) return;
  const auto now = base::SteadyClock::now();
  if (why == Why::grace_over) parts_.events.warning("shutdown_grace_passed");
  parts_.events.info("newcomers_left_to_next",
                     {{"after", base::format_duration(std::chrono::duration_cast<base::Millis>(now - *asked_))}});
  parts_.workers.shut_down(brief, std::move(ended_));
  const auto before = why == Why::grace_over ? *asked_ : base::SteadyTime::min();
  parts_.alarms.at(now + last_call_of_tunnels, [this, before] { parts_.workers.end_old(before); });
  parts_.alarms.at(now + last_call, [this] { parts_.workers.end_all(); });
}

std::string Ending::sentence(base::SteadyTime now) const {
  if (!asked_) return {};
  const auto since = base::format_duration(std::chrono::floor<std::chrono::seconds>(now - *asked_));
  const bool refuses = !parts_.handover.outlives_us();
  const auto* how = refuses    ? "accepts nobody more: clients are refused, and what is in flight has"
                    : leaving_ ? "accepts nobody more: clients wait for the next process, and what is in flight has"
                               : "serves on until what was in flight has ended, but";
  const auto most = leaving_ && !refuses ? last_call : grace_;
  return fmt::format(
      "proxyd was told to end {} ago and {} at most {}; an order that still waits then gets no "
      "receipt, and a cutover that has not flipped goes back",
      since, how, base::format_duration(most));
}

}  // namespace drawbridge::app
