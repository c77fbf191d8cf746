// A shop whose customers are moved between three pools in a random world: writes come and end, cutovers of slices
// and of all of it begin, succeed, fail and are rolled back, the process dies. After each event no customer's
// writes are open on two pools, and nobody waits but those who move. DRAWBRIDGE_SEED replays one seed.
#include "proxy/control/slices.h"
#include "proxy/core/cutover.h"
#include "proxy/core/ledger.h"
#include "proxy/core/plan.h"
#include "proxy/core/readings.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace drawbridge;
using core::CutoverAction;
using Kind = core::CutoverEvent::Kind;

namespace {

const char* const pool_names[] = {"blue", "green", "red"};

core::PoolId pool_id(const std::string& name) {
  for (core::PoolId id = 0; id < 3; ++id) {
    if (name == pool_names[id]) return id;
  }
  return 99;
}

// A write of somebody, with all that slices go by.
struct Write final : core::Admission::Owner {
  std::string who;  // equal for writes that no slice tells apart
  std::string tenant, cookie, path;
  http::HeaderList headers;
  http::IpAddress address;
  core::Plan plan;
  std::shared_ptr<const core::Snapshot> snapshot;  // that the plan is of
  core::Admission admission;

  core::RequestFacts facts() const {
    return {.method = "POST", .host = "shop", .path = path, .headers = &headers, .client = &address};
  }
  void cut() override {}
  void told_to_go(base::SteadyTime) override {}
  bool moves(const core::Placement& to) const override { return core::moves(plan, facts(), to); }
};

class World final : core::Ledger::Listener {
 public:
  explicit World(unsigned seed) : random_(seed) {
    site_.pool = "blue";
    publish(nullptr);
  }
  ~World() {
    open_.clear();
    parked_.clear();
  }

  void event() {
    now_ += base::Millis(pick(20));
    const auto dice = pick(20);
    if (dice < 9) {
      arrive();
    } else if (dice < 16) {
      end_one();
    } else if (transaction_) {
      move_on();
    } else {
      begin();
    }
    if (pick(3'000) == 0) crash();
    assert_promises();
  }

  std::uint64_t flips = 0, returns = 0, crashes = 0, refused = 0, parked = 0, partial_flips = 0, ambiguous = 0;

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  static std::shared_ptr<const core::Placement> placement(const control::Places& places) {
    auto made = std::make_shared<core::Placement>();
    made->rest = pool_id(places.pool);
    for (const auto& slice : places.slices) {
      made->slices.push_back({.id = static_cast<core::SliceId>(made->slices.size()),
                              .match = *core::SliceMatch::parse(slice.match),
                              .pool = pool_id(slice.pool)});
    }
    return made;
  }

  void publish(const control::Places* after) {
    auto made = std::make_shared<core::Snapshot>();
    made->epoch = ++epoch_;
    for (core::PoolId id = 0; id < 3; ++id) {
      made->pools.push_back(std::make_unique<core::PoolView>());
      made->pools.back()->id = id;
    }
    made->sites.push_back(std::make_unique<core::SiteView>());
    auto& view = *made->sites.back();
    view.pool = made->pools[pool_id(site_.pool)].get();
    auto split = std::make_unique<core::Split>();
    split->now = placement({.pool = site_.pool, .slices = site_.slices});
    for (const auto& slice : split->now->slices) split->pools.push_back(made->pools[slice.pool].get());
    if (after != nullptr) {
      split->move = core::Split::Move{.to = placement(*after), .hold = {}, .answers = nullptr};
      split->move->hold.mode = core::Mode::hold;
    }
    if (after != nullptr || !site_.slices.empty()) view.split = std::move(split);
    made->routes = core::RouteTable({core::RouteTable::Claim{}});
    snapshot_ = std::move(made);
    ledger_.published(*snapshot_);
    for (auto at = parked_.begin(); at != parked_.end();) {
      const auto waiting = at++;
      admit(waiting);
    }
  }

  // Of a write in `parked_`: goes on, or stays.
  void admit(std::list<Write>::iterator write) {
    write->snapshot = snapshot_;
    write->plan = core::decide(*snapshot_, write->facts());
    if (write->plan.verdict == core::Verdict::park) return;
    if (write->plan.verdict == core::Verdict::ambiguous) {
      ++ambiguous;
      parked_.erase(write);
      return;
    }
    REQUIRE(write->plan.verdict == core::Verdict::forward);
    open_.splice(open_.end(), parked_, write);
    ledger_.enter(write->admission, {.epoch = snapshot_->epoch,
                                     .request_class = core::RequestClass::write,
                                     .facts = write->facts(),
                                     .owner = &*write});
  }

  void arrive() {
    if (open_.size() > 30) return;
    auto& write = parked_.emplace_back();
    write.tenant = std::string(1, static_cast<char>('a' + pick(3)));
    write.cookie = "sid=" + std::to_string(pick(12));
    write.path = pick(3) == 0 ? "/eu/x" : "/x";
    if (pick(20) == 0) write.path = "/eu%2fx";
    write.who = write.tenant + write.cookie + write.path;
    write.headers.add({.name = "X-Tenant", .value = write.tenant});
    write.headers.add({.field = http::Field::cookie, .name = "Cookie", .value = write.cookie});
    admit(std::prev(parked_.end()));
    if (!parked_.empty() && &parked_.back() == &write) ++parked;
  }

  void end_one() {
    if (open_.empty()) return;
    auto at = open_.begin();
    std::advance(at, pick(static_cast<int>(open_.size())));
    open_.erase(at);
  }

  void begin() {
    static const char* const matches[] = {
        "header:X-Tenant=a",        "header:X-Tenant=b",        "path:/eu",   "path:/eu/**",
        "percent:20 by cookie:sid", "percent:60 by cookie:sid", "percent:30", ""};
    core::CutoverCommand command;
    command.site = "shop";
    command.match = matches[pick(8)];
    if (command.match.empty() && pick(3) != 0) return;
    command.rollback = pick(3) == 0;
    command.to = pool_names[pick(3)];
    if (command.rollback && command.match.empty() && site_.previous_pool.empty()) return;
    const auto planned = control::plan_partial(command, config_, site_, {}, "");
    if (!planned) {
      ++refused;
      return;
    }
    move_ = *planned;
    whole_ = command.match.empty();
    transaction_ = core::Cutover{};
    take(core::begin_cutover({.deadline = base::Millis(300)}));
  }

  void move_on() {
    const auto kind = drained_ ? Kind::drained : waited_for_;
    if (kind == Kind::drained && !drained_) return take(core::step(*transaction_, {.kind = Kind::tick}, now_));
    if (pick(12) == 0) return take(core::step(*transaction_, {.kind = Kind::gone}, now_));
    drained_ = false;
    take(core::step(*transaction_, {.kind = kind, .ok = pick(15) != 0}, now_));
  }

  void take(core::CutoverStep taken) {
    transaction_ = taken.state;
    for (const auto action : taken.actions) {
      perform(action);
      if (!transaction_) return;
    }
  }

  void perform(CutoverAction action) {
    switch (action) {
      case CutoverAction::guard:
        waited_for_ = Kind::guarded;
        return;
      case CutoverAction::store:
        stored_ = transaction_->stage;
        return take(core::step(*transaction_, {.kind = Kind::stored}, now_));
      case CutoverAction::publish_hold:
        return publish(&move_.after);
      case CutoverAction::fence_drain:
        waited_for_ = Kind::drained;
        drained_ = false;
        ledger_.fence(++drain_, {.epoch = epoch_,
                                 .sites = {0},
                                 .classes = core::drains(core::Mode::hold, core::HoldScope::writes),
                                 .spare_read_tunnels = true,
                                 .moved_by = placement(move_.after)});
        return;
      case CutoverAction::publish_new:
        flip();
        ++flips;
        partial_flips += site_.slices.empty() ? 0 : 1;
        return publish(nullptr);
      case CutoverAction::publish_back:
        ++returns;
        return publish(nullptr);
      case CutoverAction::fence:
        waited_for_ = Kind::fenced;
        return;
      case CutoverAction::watch:  // this world asks for no watch
      case CutoverAction::turn_back:
        return;
      case CutoverAction::report:
        ledger_.forget(drain_);
        transaction_.reset();
        stored_ = core::CutoverStage::guard;
        return;
      case CutoverAction::tell_run:
      case CutoverAction::end_run:
      case CutoverAction::probe:
        FAIL("nobody asked for it");
    }
  }

  void flip() {
    if (whole_) {
      site_.previous_pool = site_.pool;
      site_.previous_slices = site_.slices;
    }
    site_.pool = move_.after.pool;
    site_.slices = move_.after.slices;
  }

  // What was open is gone with the process; a flip that was stored is made.
  void crash() {
    ++crashes;
    open_.clear();
    parked_.clear();
    const bool made = core::has_flipped(stored_) && transaction_ && transaction_->stage == core::CutoverStage::flip;
    if (made) flip();
    if (transaction_) ledger_.forget(drain_);
    transaction_.reset();
    stored_ = core::CutoverStage::guard;
    drained_ = false;
    publish(nullptr);
  }

  void assert_promises() {
    std::map<std::string, core::PoolId> sides;
    for (const auto& write : open_) {
      const auto side = sides.emplace(write.who, write.plan.pool->id).first->second;
      REQUIRE(side == write.plan.pool->id);
    }
    for (const auto& write : parked_) {
      REQUIRE(transaction_.has_value());
      const core::Readings readings(write.path);
      const control::Places now{.pool = site_.pool, .slices = site_.slices};
      REQUIRE(placement(now)->find(write.facts(), readings).pool !=
              placement(move_.after)->find(write.facts(), readings).pool);
    }
  }

  void ended_unknown(std::uint64_t, core::OpenRequest) override {}
  void drained(std::uint64_t id, const core::ClassCounts&) override { drained_ = drained_ || id == drain_; }
  void epochs_below_ended(std::uint64_t) override {}

  std::mt19937 random_;
  base::SteadyTime now_{base::Millis(1'000)};
  config::Site config_;
  control::SiteState site_;
  std::uint64_t epoch_ = 0, drain_ = 0;
  std::shared_ptr<const core::Snapshot> snapshot_;
  core::Ledger ledger_{*this};
  std::list<Write> open_, parked_;
  std::optional<core::Cutover> transaction_;
  control::PartialMove move_;
  bool whole_ = false, drained_ = false;
  Kind waited_for_ = Kind::guarded;
  core::CutoverStage stored_ = core::CutoverStage::guard;
};

}  // namespace

TEST_CASE("whoever moves wherever, nobody's writes are open on two pools, and only who moves waits") {
  constexpr unsigned seeds = 20;
  constexpr int events_each = 10'000;
  const auto* wanted = std::getenv("DRAWBRIDGE_SEED");
  const auto first = wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 1U;
  const auto last = wanted != nullptr ? first : seeds;
  std::uint64_t partial_flips = 0, returns = 0, crashes = 0, parked = 0, ambiguous = 0;
  for (auto seed = first; seed <= last; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < events_each; ++i) world.event();
    partial_flips += world.partial_flips;
    returns += world.returns;
    crashes += world.crashes;
    parked += world.parked;
    ambiguous += world.ambiguous;
  }
  MESSAGE("flips to a split site " << partial_flips << ", failed back " << returns << ", crashes " << crashes
                                   << ", parked " << parked << ", ambiguous " << ambiguous);
  const auto worlds = last - first + 1;
  CHECK(partial_flips > 10 * worlds);
  CHECK(returns > 10 * worlds);
  CHECK(crashes > 0);
  CHECK(parked > 20 * worlds);
  CHECK(ambiguous > 5 * worlds);
}
