#include "proxy/app/descriptor_shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::app {
namespace {

constexpr base::Millis short_time{10'000};

}  // namespace

DescriptorShares::DescriptorShares(serve::Shared& shared, control::Alarms& alarms, base::EventLog& events,
                                   Limits limits)
    : shared_(shared), alarms_(alarms), events_(events), limits_(std::move(limits)) {}

void DescriptorShares::begin() {
  own_ = measure_own();
  share_out(limits_());
}

void DescriptorShares::share_out(const config::Limits& limits) {
  if (own_ == 0) return;
  const auto before =
      std::exchange(plan_, plan_descriptors(admin::descriptor_limit(), own_, limits.connections, shared_.workers));
  shared_.census.set_limits(plan_.clients_max, limits.connections_per_address);
  shared_.upstream_connections.set_limit(plan_.servers_max);
  shared_.pipes_max.store(plan_.pipes_max, std::memory_order_relaxed);
  const bool low = plan_.clients_max < limits.connections;
  if (!low || (before.limit == plan_.limit && before.clients_max < limits.connections)) return;
  events_.warning("descriptors_low", {{"limit", fmt::to_string(plan_.limit)},
                                      {"wanted", fmt::to_string(plan_.wanted)},
                                      {"connections_max", fmt::to_string(plan_.clients_max)},
                                      {"hint",
                                       "no more clients are let in; raise the hard limit of open files "
                                       "(LimitNOFILE=) or lower limits.connections"}});
}

std::uint64_t DescriptorShares::measure_own() const {
  const auto open = admin::measure_descriptors().open;
  const auto of_pipes = 2 * shared_.pipes_open.load(std::memory_order_relaxed);
  return open - std::min(open, shared_.census.open() + shared_.upstream_connections.open() + of_pipes);
}

void DescriptorShares::exhausted() {
  if (std::exchange(short_, true)) return;
  const auto usual = own_;
  own_ = std::max(usual, measure_own());
  share_out(limits_());
  alarms_.at(base::SteadyClock::now() + short_time, [this, usual] {
    short_ = false;
    own_ = usual;
    share_out(limits_());
  });
}

admin::ClientFacts DescriptorShares::facts() const {
  const auto& census = shared_.census;
  const auto lately = base::SteadyClock::now() - admin::ClientFacts::lately;
  return {.open = census.open(),
          .open_max = census.limit(),
          .configured_max = limits_().connections,
          .wanted_descriptors = plan_.wanted,
          .turned_away = census.turned_away_total(),
          .turned_away_lately = census.turned_away_since(lately)};
}

}  // namespace drawbridge::app
