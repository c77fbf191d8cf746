#include "proxy/control/mode_timer.h"

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

using base::Millis;

constexpr Millis retry_first{1'000};
constexpr Millis retry_max{30'000};

Millis since_epoch(base::SteadyTime time) {
  return std::chrono::duration_cast<Millis>(time.time_since_epoch());
}

}  // namespace

std::optional<Millis> remaining(const SiteState& site, const base::Now& now, const std::string& boot) {
  if (!site.mode.until) return std::nullopt;
  const Millis by_wall = *site.mode.until - now.wall;
  if (!site.ends) return std::max(by_wall, Millis(0));
  const bool same_boot = !boot.empty() && site.ends->boot == boot;
  return std::clamp(same_boot ? site.ends->at - since_epoch(now.steady) : by_wall, Millis(0),
                    std::max(site.ends->lasts, Millis(0)));
}

void fix_ends(State& state, const base::Now& now, const std::string& boot) {
  for (auto& [name, site] : state.sites) {
    const auto left = remaining(site, now, boot);
    if (!left) {
      site.ends.reset();
    } else if (!site.ends) {
      site.ends = SteadyEnd{.boot = boot, .at = since_epoch(now.steady) + *left, .lasts = *left};
    } else if (site.ends->boot != boot) {
      site.ends->boot = boot;
      site.ends->at = since_epoch(now.steady) + *left;
    }
  }
}

ModeTimer::ModeTimer(Alarms& alarms, std::string boot, Expire expire)
    : alarms_(alarms), boot_(std::move(boot)), expire_(std::move(expire)) {}

ModeTimer::~ModeTimer() {
  stop();
}

void ModeTimer::follow(const State& state) {
  stop();
  const auto now = alarms_.now();
  for (const auto& [name, site] : state.sites) {
    const auto left = remaining(site, now, boot_);
    if (left && site.configured) ends_[name] = now.steady + *left;
  }
  if (ends_.empty()) return;
  arm(std::ranges::min_element(ends_, {}, [](const auto& entry) { return entry.second; })->second);
}

void ModeTimer::stop() {
  alarms_.cancel(armed_);
  armed_ = 0;
  ends_.clear();
  retry_ = Millis(0);
}

void ModeTimer::arm(base::SteadyTime at) {
  armed_ = alarms_.at(at, [this] { fire(); });
}

void ModeTimer::fire() {
  armed_ = 0;
  const auto now = alarms_.now().steady;
  std::vector<std::string> due;
  for (const auto& [name, end] : ends_) {
    if (end <= now) due.push_back(name);
  }
  // A change that was made has told us to follow the new state.
  if (due.empty() || expire_(due)) return;
  retry_ = std::clamp(2 * retry_, retry_first, retry_max);
  alarms_.cancel(armed_);
  arm(now + retry_);
}

}  // namespace drawbridge::control
