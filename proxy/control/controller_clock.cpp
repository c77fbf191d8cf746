#include "proxy/control/controller.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

constexpr base::Millis look_interval{1'000};    // between looks whether the clock was set
constexpr base::Millis retry_interval{30'000};  // after a disk has refused
constexpr base::Millis noticed{1'000};

}  // namespace

// Only while a mode has an end there is one to announce.
void Controller::follow_clock() {
  follow_clock(look_interval);
}

void Controller::follow_clock(base::Millis interval) {
  const bool ends = std::ranges::any_of(
      state_.sites, [](const auto& site) { return site.second.configured && site.second.mode.until.has_value(); });
  if (!ends || clock_look_ != 0) return;
  clock_look_ = parts_.alarms.at(parts_.alarms.now().steady + interval, [this] {
    clock_look_ = 0;
    if (stopped_) return;
    follow_clock(announce_ends_anew() ? look_interval : retry_interval);
  });
}

// A mode lasts by the steady clock. Who sets the wall clock meanwhile leaves an end on pages, in Retry-After and in
// status that is wrong by as much.
bool Controller::announce_ends_anew() {
  const auto now = parts_.alarms.now();
  const auto before = state_;
  Next next{.state = state_, .config = {}};
  std::vector<std::string> moved;
  base::Millis by{};
  for (auto& [name, site] : next.state.sites) {
    const auto left = remaining(site, now, parts_.boot_id);
    if (!site.configured || !left || left->count() == 0 || !cutovers_.check_free(name)) continue;
    const auto end = now.wall + *left;
    if (std::chrono::abs(end - *site.mode.until) < noticed) continue;
    by = end - *site.mode.until;
    site.mode.until = end;
    moved.push_back(name);
  }
  if (moved.empty()) return true;
  if (!commit(std::move(next))) return false;
  const auto text =
      fmt::format("the clock was set {} by {}; how long it lasts is as before", by.count() < 0 ? "back" : "forward",
                  base::describe_duration(std::chrono::round<std::chrono::seconds>(std::chrono::abs(by))));
  parts_.events.warning("clock_was_set", {{"sites", join_names(moved)}, {"problem", text}});
  auto order = order_for("end announced anew", std::move(moved), {.name = "timer"});
  record(order, text, before, false);
  begin(std::move(order), {});
  return true;
}

}  // namespace drawbridge::control
