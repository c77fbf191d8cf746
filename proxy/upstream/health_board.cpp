#include "proxy/upstream/health_board.h"

#include "proxy/base/check.h"
#include "proxy/upstream/health_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>

namespace drawbridge::upstream {
namespace {

constexpr base::Millis first_pause{1'000};
constexpr auto relaxed = std::memory_order_relaxed;

constexpr EndpointMask bit(std::size_t slot) {
  return EndpointMask{1} << slot;
}

std::int64_t ticks(base::SteadyTime time) {
  return time.time_since_epoch().count();
}

base::Millis pause_after(std::uint32_t pauses, base::Millis longest) {
  constexpr std::uint32_t doublings_max = 20;
  return std::min(first_pause * (std::int64_t{1} << std::min(pauses, doublings_max)), longest);
}

}  // namespace

std::string_view name(HealthState state) {
  switch (state) {
    case HealthState::unknown:
      return "unknown";
    case HealthState::up:
      return "up";
    case HealthState::down:
      return "down";
  }
  return "unknown";
}

HealthBoard::HealthBoard() : rows_(std::make_unique<std::atomic<Row*>[]>(base::limits::servers_max)) {}

HealthBoard::~HealthBoard() {
  for (std::size_t i = 0; i < base::limits::servers_max; ++i) delete rows_[i].load(relaxed);
}

HealthBoard::Row* HealthBoard::row(core::ServerId server) const {
  return server < base::limits::servers_max ? rows_[server].load(std::memory_order_acquire) : nullptr;
}

HealthBoard::Row& HealthBoard::watched_row(core::ServerId server) {
  Row* found = row(server);
  DRAWBRIDGE_CHECK(found != nullptr);
  return *found;
}

EndpointMask HealthBoard::usable(core::ServerId server, base::SteadyTime now) const {
  const Row* found = row(server);
  if (found == nullptr || found->taken_out.load(relaxed)) return 0;
  auto usable = found->open.load(relaxed);
  for (auto paused = usable & found->paused.load(relaxed); paused != 0; paused &= paused - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(paused));
    if (found->addresses[slot].paused_until.load(relaxed) > ticks(now)) usable &= ~bit(slot);
  }
  return usable;
}

void HealthBoard::report_failure(core::ServerId server, std::size_t slot, base::Reason reason,
                                 base::SteadyTime now) {
  Row* found = row(server);
  if (found == nullptr || slot >= found->addresses.size()) return;
  auto& address = found->addresses[slot];
  const auto fall = found->fall.load(relaxed);
  address.failed_by.store(reason, relaxed);
  const auto failures = address.failures.fetch_add(1, relaxed) + 1;
  auto until = address.paused_until.load(relaxed);
  // One pause at a time, begun by one thread: requests that were under way when it began fail during it.
  if (fall == 0 || failures < fall || until > ticks(now)) return;
  const auto pause = pause_after(address.pauses.load(relaxed), base::Millis(found->pause_max_ms.load(relaxed)));
  if (!address.paused_until.compare_exchange_strong(until, ticks(now + pause), relaxed)) return;
  address.pauses.fetch_add(1, relaxed);
  found->paused.fetch_or(bit(slot), relaxed);
}

void HealthBoard::report_success(core::ServerId server, std::size_t slot) {
  Row* found = row(server);
  if (found == nullptr || slot >= found->addresses.size()) return;
  auto& address = found->addresses[slot];
  if (address.broken.load(relaxed) != 0) address.broken.store(0, relaxed);
  end_pause(*found, slot);
}

void HealthBoard::report_broken(core::ServerId server, std::size_t slot, base::Reason reason,
                                base::SteadyTime now) {
  Row* found = row(server);
  if (found == nullptr || slot >= found->addresses.size()) return;
  auto& address = found->addresses[slot];
  address.broken_by.store(reason, relaxed);
  address.broken_at.store(ticks(now), relaxed);
  address.broken.fetch_add(1, relaxed);
}

// Two workers that report the first of a new hour at once may count one for two.
void HealthBoard::report_stray(core::ServerId server, base::SteadyTime now) {
  Row* found = row(server);
  if (found == nullptr) return;
  if (found->strays_at(now).count == 0) found->strays.store(0, relaxed);
  found->stray_at.store(ticks(now), relaxed);
  found->strays.fetch_add(1, relaxed);
}

bool HealthBoard::has_strayed(core::ServerId server, base::SteadyTime now) const {
  const Row* found = row(server);
  return found != nullptr && found->strays.load(relaxed) != 0 && found->strays_at(now).count != 0;
}

Strays HealthBoard::Row::strays_at(base::SteadyTime now) const {
  const auto at = base::SteadyTime(base::SteadyClock::duration(stray_at.load(relaxed)));
  const auto ago = std::chrono::floor<base::Millis>(now - at);
  if (ago >= strays_kept) return {};
  return {.count = strays.load(relaxed), .last_ago = std::max(ago, base::Millis(0))};
}

void HealthBoard::end_pause(Row& row, std::size_t slot) {
  auto& address = row.addresses[slot];
  if (address.failures.load(relaxed) == 0) return;
  address.clear_failures();
  row.paused.fetch_and(~bit(slot), relaxed);
}

void HealthBoard::watch(core::ServerId server, PassivePolicy policy, base::WallTime now) {
  DRAWBRIDGE_CHECK(server < base::limits::servers_max);
  if (row(server) == nullptr) rows_[server].store(new Row, std::memory_order_release);
  auto& found = watched_row(server);
  found.fall.store(policy.fall, relaxed);
  found.pause_max_ms.store(policy.pause.count(), relaxed);
  if (std::ranges::find(watched_, server) != watched_.end()) return;
  watched_.push_back(server);
  found.since = now;
}

void HealthBoard::forget(core::ServerId server) {
  if (std::erase(watched_, server) == 0) return;
  auto& found = watched_row(server);
  for (auto& address : found.addresses) address.begin({}, {});
  found.refresh_open();
  found.told = HealthState::unknown;
  found.lookup_failure.clear();
  found.strays.store(0, relaxed);
}

void HealthBoard::take_out(core::ServerId server, bool out) {
  watched_row(server).taken_out.store(out, relaxed);
}

EndpointSlots HealthBoard::set_addresses(core::ServerId server, const std::vector<net::Endpoint>& addresses,
                                         base::WallTime now) {
  auto& found = watched_row(server);
  const auto known = [&](const net::Endpoint& wanted) {
    return std::ranges::any_of(found.addresses, [&](const AddressRow& row) { return row.endpoint == wanted; });
  };
  for (auto& address : found.addresses) {
    const bool gone = std::ranges::find(addresses, address.endpoint) == addresses.end();
    if (address.present() && gone) address.begin({}, now);
  }
  for (const auto& wanted : addresses) {
    if (wanted.empty() || known(wanted)) continue;
    const auto free = std::ranges::find_if(found.addresses, [](const auto& row) { return !row.present(); });
    if (free != found.addresses.end()) free->begin(wanted, now);
  }
  found.lookup_failure.clear();
  found.refresh_open();
  return slots(server);
}

EndpointSlots HealthBoard::slots(core::ServerId server) const {
  EndpointSlots slots;
  if (const Row* found = row(server)) {
    for (const auto& address : found->addresses) slots.push_back(address.endpoint);
  }
  while (!slots.empty() && slots.back().empty()) slots.pop_back();
  return slots;
}

void HealthBoard::set_lookup_failure(core::ServerId server, std::string_view reason) {
  watched_row(server).lookup_failure = reason;
}

void HealthBoard::set_probed(core::ServerId server, std::size_t slot, HealthState state, std::string_view reason,
                             std::uint32_t failures) {
  auto& found = watched_row(server);
  auto& address = found.addresses[slot];
  address.probed = state;
  address.probe_reason = reason;
  address.probe_failures = failures;
  if (state == HealthState::up && failures == 0) end_pause(found, slot);
  found.refresh_open();
}

std::vector<HealthBoard::Change> HealthBoard::sweep(base::WallTime now) {
  std::vector<Change> changes;
  for (const auto server : watched_) sweep_row(server, watched_row(server), now, changes);
  return changes;
}

void HealthBoard::sweep_row(core::ServerId server, Row& row, base::WallTime now, std::vector<Change>& changes) {
  // A name that is still being looked up for the first time is neither up nor down.
  const bool known = !row.lookup_failure.empty() || std::ranges::any_of(row.addresses, &AddressRow::present);
  HealthState whole = known ? HealthState::down : HealthState::unknown;
  const auto first = changes.size();
  for (std::size_t slot = 0; slot < row.addresses.size(); ++slot) {
    auto& address = row.addresses[slot];
    if (!address.present()) continue;
    const auto state = row.state_of(slot);
    if (state == HealthState::up || (state == HealthState::unknown && whole == HealthState::down)) whole = state;
    if (state == address.told) continue;
    address.told = state;
    address.since = now;
    changes.push_back({server, address.endpoint, state, false, row.reason_of(slot)});
  }
  if (whole == row.told) return;
  row.told = whole;
  row.since = now;
  if (changes.size() == first) changes.push_back({server, {}, whole, false, row.lookup_failure});
  changes.back().server_changed = true;
}

ServerHealth HealthBoard::health(core::ServerId server) const {
  ServerHealth health;
  const Row* found = row(server);
  if (found == nullptr) return health;
  health.state = found->told;
  health.since = found->since;
  health.reason = found->lookup_failure;
  health.strays = found->strays_at(base::SteadyClock::now());
  for (std::size_t slot = 0; slot < found->addresses.size(); ++slot) {
    const auto& address = found->addresses[slot];
    if (!address.present()) continue;
    health.endpoints.push_back({.endpoint = address.endpoint,
                                .state = address.told,
                                .reason = found->reason_of(slot),
                                .since = address.since,
                                .failures = std::max(address.probe_failures, address.failures.load(relaxed)),
                                .broken = address.broken_now()});
    const auto& broken = health.endpoints.back().broken;
    if (broken.count > health.broken.count) health.broken = broken;
    if (health.state == HealthState::down) health.reason = health.endpoints.back().reason;
  }
  return health;
}

void AddressRow::clear_failures() {
  failures.store(0, relaxed);
  pauses.store(0, relaxed);
  paused_until.store(0, relaxed);
}

Broken AddressRow::broken_now() const {
  Broken now{.count = broken.load(relaxed), .last = broken_by.load(relaxed)};
  const auto at = base::SteadyTime(base::SteadyClock::duration(broken_at.load(relaxed)));
  if (now.count > 0) now.last_ago = std::chrono::duration_cast<base::Millis>(base::SteadyClock::now() - at);
  return now;
}

void AddressRow::begin(const net::Endpoint& address, base::WallTime now) {
  clear_failures();
  broken.store(0, relaxed);
  endpoint = address;
  probed = HealthState::unknown;
  probe_reason.clear();
  probe_failures = 0;
  told = HealthState::unknown;
  since = now;
}

HealthState HealthBoard::Row::state_of(std::size_t slot) const {
  const auto& address = addresses[slot];
  if (address.probed == HealthState::down || (paused.load(relaxed) & bit(slot)) != 0) return HealthState::down;
  return address.probed;
}

std::string HealthBoard::Row::reason_of(std::size_t slot) const {
  const auto& address = addresses[slot];
  if ((paused.load(relaxed) & bit(slot)) == 0 || address.probed == HealthState::down) return address.probe_reason;
  return fmt::format("{} requests failed, last: {}", address.failures.load(relaxed),
                     base::name(address.failed_by.load(relaxed)));
}

// Which slots may be used at all; a slot that got another address is no longer paused for the old one.
void HealthBoard::Row::refresh_open() {
  EndpointMask present = 0, healthy = 0, failing = 0;
  for (std::size_t slot = 0; slot < addresses.size(); ++slot) {
    const auto& address = addresses[slot];
    if (!address.present()) continue;
    present |= bit(slot);
    if (address.probed != HealthState::down) healthy |= bit(slot);
    if (address.paused_until.load(relaxed) != 0) failing |= bit(slot);
  }
  open.store(present & healthy, relaxed);
  paused.fetch_and(failing, relaxed);
}

}  // namespace drawbridge::upstream
