#include "proxy/control/cutover_hands.h"

#include "proxy/base/check.h"
#include "proxy/control/file_notes.h"
#include "proxy/control/mode_timer.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {
namespace {

constexpr std::size_t named_max = 5;  // in one sentence

std::vector<core::PoolServer> servers_of(const core::Snapshot& snapshot, const std::string& pool) {
  const auto found =
      std::ranges::find(snapshot.pools, pool, [](const auto& one) -> const std::string& { return one->name; });
  return found == snapshot.pools.end() ? std::vector<core::PoolServer>{} : (*found)->servers;
}

std::string address_of(const std::vector<core::PoolServer>& servers, core::ServerId id) {
  const auto found = std::ranges::find(servers, id, &core::PoolServer::id);
  return found == servers.end() ? std::string() : found->address;
}

template <class Found>
Cutovers::Hands::Probed judge(const std::string& pool, const std::vector<core::PoolServer>& asked,
                              const std::vector<Found>& found) {
  std::vector<std::string> bad;
  for (const auto& one : found) {
    if (!one.healthy) bad.push_back(fmt::format("{} ({})", address_of(asked, one.server), one.reason));
  }
  if (bad.empty()) {
    return {.ok = true, .text = fmt::format("{} of {} servers of {} answer", asked.size(), asked.size(), pool)};
  }
  const auto count = bad.size();
  bad.resize(std::min(bad.size(), named_max));
  return {
      .ok = false,
      .text = fmt::format("{} of {} servers of {} do not answer: {}", count, asked.size(), pool, join_names(bad))};
}

}  // namespace

const SiteState& Controller::CutoverHands::site(const std::string& name) const {
  return controller_.state_.sites.at(name);
}

std::uint64_t Controller::CutoverHands::epoch() const {
  return controller_.state_.epoch;
}

// Of the servers that take part; all of them must answer.
void Controller::CutoverHands::probe(const std::vector<std::string>& pools, const std::string& path,
                                     std::function<void(Probed)> done) {
  std::vector<core::PoolServer> asked;
  std::vector<core::ServerId> ids;
  for (const auto& pool : pools) {
    const auto before = asked.size();
    for (const auto& server : servers_of(controller_.publisher_.current(), pool)) {
      if (server.admin != core::ServerAdmin::ready) continue;
      asked.push_back(server);
      ids.push_back(server.id);
    }
    if (asked.size() > before) continue;
    return controller_.parts_.alarms.post([pool, done = std::move(done)] {
      done({.ok = false, .text = fmt::format("no server of {} is ready", pool)});
    });
  }
  controller_.parts_.probe(
      ids, path, [pool = join_names(pools), asked, done = std::move(done)](const std::vector<Parts::Found>& found) {
        done(judge(pool, asked, found));
      });
}

std::expected<Controller::Built, Refusal> Controller::CutoverHands::build(const std::string& site,
                                                                          SiteState wanted) {
  Next next{.state = controller_.state_, .config = {}};
  wanted.epoch = controller_.state_.epoch + 1;
  next.state.sites.at(site) = std::move(wanted);
  return controller_.build(std::move(next));
}

Controller::Checked Controller::CutoverHands::prepare(const std::string& site, SiteState wanted) {
  auto built = build(site, std::move(wanted));
  if (!built) return std::unexpected(std::move(built.error()));
  if (auto stored = controller_.store(built->next.state); !stored) return stored;
  prepared_ = std::move(*built);
  return {};
}

void Controller::CutoverHands::publish() {
  DRAWBRIDGE_CHECK(prepared_.has_value());
  before_ = controller_.state_;
  auto built = std::move(*prepared_);
  prepared_.reset();
  controller_.install(std::move(built));
}

// What the hold's publication and each stage after it will make of the state, if nothing else changes meanwhile; if
// something does, the store has written in vain.
void Controller::CutoverHands::foresee(const std::string& site, const std::vector<Stored>& stages) {
  std::vector<State> states;
  for (const auto& stage : stages) {
    auto& state = states.emplace_back(controller_.state_);
    state.epoch += stage.publishes ? 2 : 1;
    auto& wanted = state.sites.at(site) = stage.wanted;
    wanted.epoch = state.epoch;
    fix_ends(state, controller_.parts_.alarms.now(), controller_.parts_.boot_id);
    follow_file(state, controller_.config_);
  }
  controller_.parts_.store.foresee(states);
}

Controller::Checked Controller::CutoverHands::note(const std::string& site, SiteState wanted) {
  auto state = controller_.state_;
  wanted.epoch = state.sites.at(site).epoch;
  state.sites.at(site) = std::move(wanted);
  if (auto stored = controller_.store(state); !stored) return stored;
  controller_.state_ = std::move(state);
  return {};
}

// The configuration, the pool and the mode are those of a snapshot that was built before.
Controller::Checked Controller::CutoverHands::publish_back(const std::string& site, SiteState wanted) {
  auto built = build(site, std::move(wanted));
  DRAWBRIDGE_CHECK(built.has_value());
  auto stored = controller_.store(built->next.state);
  before_ = controller_.state_;
  controller_.install(std::move(*built));
  return stored;
}

void Controller::CutoverHands::fence(const std::string& site, Cutovers::Fence what, Completion completion) {
  auto order = controller_.order_for(what.what, {site}, what.actor);
  const auto& drain = controller_.config_.find_site(site)->drain;
  order.classes = what.classes;
  order.spare_read_tunnels = what.spare_read_tunnels;
  order.exempt_too = what.exempt_too;
  order.drain_timeout = what.drain_timeout.value_or(drain.timeout);
  order.tunnel_spread = drain.tunnel_spread;
  order.hurries_tunnels = what.hurries_tunnels;
  order.cut = what.cut;
  order.left = what.left;
  order.match = what.match;
  if (what.moved_by) order.moved_by = placement_of(site, *what.moved_by, controller_.ids_);
  controller_.record_cutover(order, what);
  const auto by = fmt::format("{} of {} (epoch {})", what.what, describe(what.actor), order.receipt.epoch);
  auto& changes = controller_.changes_;
  if (!what.after.empty()) {
    const auto pools = [&](const std::string& match) { return pools_of(this->site(site), match); };
    changes.supersede_retirement(order.site_ids.front(), site, pools, by);
  }
  if (!what.takes_back.empty()) changes.supersede_change(order.site_ids.front(), site, what.takes_back, by);
  const auto mode_is = [&](const State& state) { return state.sites.at(site).mode.mode; };
  if (mode_is(before_) != mode_is(controller_.state_)) {
    auto change = order;
    change.classes = core::drains(mode_is(controller_.state_), core::HoldScope::writes);
    controller_.supersede(change);
  }
  controller_.begin(std::move(order), std::move(completion));
}

void Controller::CutoverHands::parked(const std::string& site, std::function<void(const Cutovers::Parked&)> done) {
  controller_.parts_.workers.load({controller_.ids_.sites.find(site).value()},
                                  [done = std::move(done)](const std::vector<Workers::SiteLoad>& loads) {
                                    Cutovers::Parked parked;
                                    if (!loads.empty()) {
                                      parked = {.waiting = loads.front().parked,
                                                .oldest = loads.front().oldest_parked,
                                                .hold = loads.front().hold,
                                                .in_flight = loads.front().in_flight,
                                                .oldest_writes = loads.front().oldest_writes};
                                    }
                                    done(parked);
                                  });
}

void Controller::CutoverHands::forget_first_write(const std::string& site) {
  controller_.parts_.forget_first_write(controller_.ids_.sites.find(site).value());
}

core::WatchSample Controller::CutoverHands::answered(const std::string& pool) const {
  return controller_.parts_.answered(controller_.ids_.pools.find(pool).value());
}

void Controller::CutoverHands::ended(const std::string& site, std::optional<core::Outcome> outcome,
                                     const std::string& failure) {
  if (outcome) {
    controller_.last_cutovers_[site] = *outcome;
    const bool well = *outcome == core::Outcome::done || *outcome == core::Outcome::cut;
    controller_.parts_.events.write(
        well ? base::Severity::info : base::Severity::warning, "cutover_ended",
        {{"site", site}, {"outcome", std::string(core::name(*outcome))}, {"note", failure}});
  }
  if (!failure.empty()) controller_.waits_.fail(site, failure);
  controller_.waits_.look();
}

Cutovers::Served Controller::CutoverHands::served(const std::string& site) const {
  auto served = controller_.parts_.served(controller_.ids_.sites.find(site).value());
  const auto prefix = site + " ";
  std::uint64_t of_slices = 0;
  controller_.ids_.slices.for_each([&](const std::string& name, std::uint16_t id) {
    if (name.starts_with(prefix)) of_slices += controller_.parts_.slice_writes(id);
  });
  served.writes -= std::min(served.writes, of_slices);
  return served;
}

std::uint64_t Controller::CutoverHands::slice_writes(const std::string& site, const std::string& key) const {
  const auto id = controller_.ids_.slices.find(fmt::format("{} {}", site, key));
  return id ? controller_.parts_.slice_writes(*id) : 0;
}

PartialMove Controller::CutoverHands::plan(const core::CutoverCommand& command, const core::Actor& actor) const {
  auto planned = plan_partial(command, *controller_.config_.find_site(command.site), site(command.site),
                              controller_.parts_.alarms.now().wall, describe(actor));
  DRAWBRIDGE_CHECK(planned.has_value());
  return std::move(*planned);
}

void Controller::CutoverHands::pass(const core::CutoverPoint& point) {
  if (controller_.parts_.passing) controller_.parts_.passing(point);
}

}  // namespace drawbridge::control
