// A world of one site, one disk, four workers with clients that wait, and an impatient night around core/cutover
// and core/parking_lot: commands, drains, ticks, health, disks that refuse, clients and operators that leave,
// overflow, and the end of the process between any two effects. After each event all that a cutover promises is
// asserted. DRAWBRIDGE_SEED replays one seed.
#include "proxy/core/cutover.h"
#include "tests/sim/hold_town.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <deque>
#include <random>
#include <string>

using namespace drawbridge;
using core::CutoverAction;
using core::CutoverStage;
using Kind = core::CutoverEvent::Kind;

namespace {

enum class Mode { live, readonly, maintenance };

struct Record {
  CutoverStage stage = CutoverStage::hold;
  int to = 0;
};

// What is on the disk: all that survives.
struct Durable {
  int pool = 0;
  Mode mode = Mode::live;
  std::optional<Record> record;
};

struct Published {
  int pool = 0;
  Mode mode = Mode::live;
  bool held = false;
  base::WallTime hold_since{};
};

struct Tally {
  std::uint64_t flips = 0, returns = 0, crashes = 0, transactions = 0, watches = 0, turned_back = 0;
  std::uint64_t unheard = 0;
  std::uint64_t parked = 0, overflowed = 0, released = 0, in_vain = 0;
};

class World {
 public:
  World(unsigned seed, Tally& tally) : random_(seed), tally_(tally) {}

  void event() {
    now_ += base::Millis(pick(40));
    town_.tick(now_, published_.held);
    for (int i = pick(6); i > 0; --i) client_event();
    decide_again();
    if (pick(400) == 0) return crash();
    if (!transaction_) {
      if (pick(4) == 0) begin();
      return assert_promises();
    }
    feed({.kind = pick_kind(), .ok = pick(10) != 0});
    if (transaction_ && pick(3) == 0) feed({.kind = Kind::tick});
    assert_promises();
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  Kind pick_kind() {
    // Mostly what is waited for; the rest comes early, late or twice.
    if (!waited_for_.empty() && pick(3) != 0) {
      const auto kind = waited_for_.front();
      if (kind == Kind::run_ended && pick(20) != 0) return Kind::tick;
      if (kind == Kind::drained && pick(12) == 0) return Kind::outcome_unknown;
      if (kind == Kind::drained && pick(4) != 0) writes_[old()] = 0;
      // The shell tells of the last fence when nobody waits any more.
      if (kind == Kind::fenced && town_.waiting() > 0) return Kind::tick;
      return kind;
    }
    constexpr Kind all[] = {Kind::guarded,         Kind::drained,  Kind::run_ended, Kind::checked, Kind::tick,
                            Kind::writes_accepted, Kind::tick,     Kind::watched,   Kind::gone,    Kind::abort,
                            Kind::outcome_unknown, Kind::abort_now};
    return all[pick(40) == 0 ? pick(12) : 6];
  }

  void begin() {
    before_ = published_;
    target_ = 1 - published_.pool;
    flipped_ = false;
    discard_ = pick(2) == 0;
    ++tally_.transactions;
    const core::CutoverPlan plan{.run = pick(2) == 0,
                                 .check = pick(2) == 0,
                                 .dry_run = pick(10) == 0,
                                 .deadline = base::Millis(50 + pick(1'200)),
                                 .watch = base::Millis(pick(2) * (100 + pick(2'000))),
                                 .errors_max = 0.05,
                                 .return_on_errors = pick(2) == 0};
    transaction_ = core::Cutover{};
    take(core::begin_cutover(plan));
  }

  void feed(core::CutoverEvent event) {
    // A drain that says it is over while writes are open would be a fault of the drain, not of the machine.
    if (event.kind == Kind::drained && writes_[old()] > 0) event.ok = false;
    // Only the disk says that something is durable.
    if (event.kind == Kind::stored) return;
    if (event.kind == Kind::watched) {
      event.sample = answered_;
      event.ok = accepted_ == 0 || discard_;
    }
    if (event.kind == Kind::run_ended) runs_ = false;
    doubtful_ = doubtful_ || event.kind == Kind::outcome_unknown;
    if (event.kind != Kind::watched) std::erase(waited_for_, event.kind);
    may_turn_back_ = event.kind == Kind::watched && event.ok &&
                     core::has_too_many_errors(answered_, 0.05, now_ >= transaction_->watch_until.value_or(now_));
    take(core::step(*transaction_, event, now_));
  }

  // Effects one by one; the process may end before each of them.
  void take(core::CutoverStep taken) {
    transaction_ = taken.state;
    for (const auto action : taken.actions) {
      if (pick(300) == 0) return crash();
      perform(action);
      if (!transaction_) return;
      assert_promises();
    }
  }

  void perform(CutoverAction action) {
    switch (action) {
      case CutoverAction::guard:
        return await(Kind::guarded);
      case CutoverAction::store:
        return store();
      case CutoverAction::publish_hold:
        REQUIRE(stage_on_disk() == CutoverStage::hold);
        held_until_ = transaction_->deadline;
        REQUIRE(held_until_.has_value());
        published_.held = published_.mode == Mode::live;
        published_.hold_since = base::WallTime(base::Millis(++holds_));
        town_.begin_account();
        return town_.review(published_.held);
      case CutoverAction::fence_drain:
        doubtful_ = false;
        return await(Kind::drained);
      case CutoverAction::tell_run:
        REQUIRE(stage_on_disk() == CutoverStage::run);
        runs_ = true;
        return await(Kind::run_ended);
      case CutoverAction::end_run:
        REQUIRE(published_.held == (published_.mode == Mode::live));
        held_until_ = transaction_->stop_until;
        return await(Kind::run_ended);
      case CutoverAction::probe:
        // The guard after a command has nothing to store.
        REQUIRE(stage_on_disk() == (transaction_->plan.check ? CutoverStage::check : CutoverStage::run));
        return await(Kind::checked);
      case CutoverAction::publish_new:
        return publish_new();
      case CutoverAction::publish_back:
        REQUIRE_FALSE(flipped_);
        // A command that may still be at work keeps the old side from taking writes.
        REQUIRE(runs_ == transaction_->unheard);
        runs_ = false;
        if (pick(4) != 0) durable_ = {.pool = before_.pool, .mode = before_.mode, .record = {}};
        published_ = before_;
        return town_.review(false);
      case CutoverAction::fence:
        return await(Kind::fenced);
      case CutoverAction::watch:
        REQUIRE(flipped_);
        ++tally_.watches;
        return await(Kind::watched);
      case CutoverAction::turn_back:
        return turn_back();
      case CutoverAction::report:
        return report();
    }
  }

  void publish_new() {
    REQUIRE(stage_on_disk() == CutoverStage::flip);
    REQUIRE(durable_.pool == target_);
    REQUIRE_FALSE(flipped_);
    REQUIRE(writes_[old()] == 0);
    REQUIRE_FALSE(doubtful_);
    REQUIRE_FALSE(runs_);
    flipped_ = true;
    ++tally_.flips;
    published_ = {.pool = target_, .mode = durable_.mode, .held = false};
    answered_ = {};
    accepted_ = 0;
    errors_in_100_ = pick(3) == 0 ? 30 : 0;
    town_.review(false);
  }

  // Only a watch that saw too many errors goes back, and only if that leaves no writes behind unasked.
  void turn_back() {
    REQUIRE(may_turn_back_);
    REQUIRE(flipped_);
    REQUIRE(transaction_->returning);
    ++tally_.turned_back;
    before_ = published_;
    target_ = 1 - published_.pool;
    flipped_ = false;
  }

  std::size_t old() const { return static_cast<std::size_t>(before_.pool); }
  std::optional<CutoverStage> stage_on_disk() const {
    return durable_.record ? std::optional(durable_.record->stage) : std::nullopt;
  }
  void await(Kind kind) { waited_for_ = {kind}; }

  // A store that fails has left the disk as it was.
  void store() {
    const bool ok = pick(15) != 0;
    if (ok) {
      durable_.record = Record{.stage = transaction_->stage, .to = target_};
      if (transaction_->stage == CutoverStage::flip) durable_.pool = target_;
    }
    if (pick(200) == 0) return crash();
    take(core::step(*transaction_, {.kind = Kind::stored, .ok = ok}, now_));
  }

  void report() {
    REQUIRE(transaction_->is_over());
    tally_.unheard += transaction_->unheard ? 1 : 0;
    REQUIRE_FALSE(published_.held);
    if (transaction_->stage == CutoverStage::failed_back) {
      ++tally_.returns;
      REQUIRE(published_.pool == before_.pool);
      REQUIRE(published_.mode == before_.mode);
      REQUIRE(transaction_->failure != core::CutoverFailure::none);
    } else {
      REQUIRE(published_.pool == (transaction_->plan.dry_run ? before_.pool : target_));
    }
    if (transaction_->deadline) check_account();
    durable_.record.reset();
    transaction_.reset();
    waited_for_.clear();
  }

  // The receipt names everybody who waited, and how.
  void check_account() {
    REQUIRE(town_.waiting() == 0);
    tally_.parked += town_.parked;
    tally_.overflowed += town_.overflowed;
    tally_.in_vain += town_.in_vain;
    const auto account = town_.account();
    if (town_.parked + town_.overflowed == 0) return;
    REQUIRE(account.since == last_hold());
    REQUIRE(account.held == town_.parked);
    REQUIRE(account.overflowed == town_.overflowed);
    REQUIRE(account.waited_in_vain == town_.in_vain);
    REQUIRE(account.left == town_.left);
    REQUIRE(account.longest <= sim::HoldTown::wait_max + base::Millis(40));
  }
  base::WallTime last_hold() const { return base::WallTime(base::Millis(holds_)); }

  // The process ends; what comes up knows the disk alone.
  void crash() {
    ++tally_.crashes;
    const bool was_flipped = flipped_ && transaction_;
    if (durable_.record) {
      REQUIRE(core::has_flipped(durable_.record->stage) == (durable_.pool == durable_.record->to));
      durable_.record.reset();
    }
    if (was_flipped) REQUIRE(durable_.pool == target_);
    const auto old = published_;
    published_ = {.pool = durable_.pool, .mode = durable_.mode, .held = false};
    // Nothing that anybody has seen is taken back.
    if (!transaction_) REQUIRE(published_.pool == old.pool);
    if (transaction_ && published_.pool == before_.pool) REQUIRE(published_.mode == before_.mode);
    transaction_.reset();
    runs_ = false;
    waited_for_.clear();
    writes_ = {};
    town_.crash();
    assert_promises();
  }

  void client_event() {
    const auto worker = static_cast<std::size_t>(pick(sim::HoldTown::workers));
    if (pick(30) == 0) return town_.leave(static_cast<std::size_t>(pick(1'000)));
    if (pick(2) == 0) return arrive(worker);
    auto& open = writes_[static_cast<std::size_t>(pick(2))];
    if (open > 0) --open;
  }

  // A write enters only where the snapshot lets it: into the active pool, or into the lot.
  void arrive(std::size_t worker) {
    if (published_.mode != Mode::live) return;
    if (published_.held) {
      town_.park(worker, published_.hold_since, now_);
      return;
    }
    if (flipped_ && transaction_) {
      REQUIRE(published_.pool == target_);
      ++accepted_;
      ++answered_.requests;
      if (pick(100) < errors_in_100_) ++answered_.errors;
    }
    ++writes_[static_cast<std::size_t>(published_.pool)];
  }

  void decide_again() {
    while (!town_.released.empty()) {
      const auto worker = town_.released.front();
      town_.released.pop_front();
      ++tally_.released;
      arrive(worker);
    }
  }

  void assert_promises() {
    if (published_.held) {
      REQUIRE(transaction_.has_value());
      REQUIRE(durable_.record.has_value());
      REQUIRE(transaction_->holds());
      REQUIRE(published_.pool == before_.pool);
    } else if (!transaction_) {
      REQUIRE(published_.pool == durable_.pool);
      REQUIRE(published_.mode == durable_.mode);
      REQUIRE(town_.waiting() == 0);
    }
    // Nothing is open on the pool that is left, from the moment of the flip on.
    if (flipped_ && transaction_) REQUIRE(writes_[old()] == 0);
    // The tick at the deadline ends the hold: what is left of it now is a machine that ignores its clock.
    if (published_.held && now_ > *held_until_ && transaction_->stage != CutoverStage::flip) {
      take(core::step(*transaction_, {.kind = Kind::tick}, now_));
      REQUIRE_FALSE(published_.held);
    }
  }

  std::mt19937 random_;
  Tally& tally_;
  base::SteadyTime now_{base::Millis(1'000)};
  sim::HoldTown town_;
  Durable durable_;
  Published published_;
  Published before_;
  int target_ = 1;
  bool flipped_ = false;
  bool discard_ = false;
  bool may_turn_back_ = false;
  bool runs_ = false;      // something of the command
  bool doubtful_ = false;  // of the drain that is under way a write is not known to have ended
  int errors_in_100_ = 0;
  core::WatchSample answered_;
  std::uint64_t accepted_ = 0;   // writes, by the new pool
  std::array<int, 2> writes_{};  // open, by pool
  int holds_ = 0;
  std::optional<core::Cutover> transaction_;
  std::optional<base::SteadyTime> held_until_;
  std::deque<Kind> waited_for_;
};

}  // namespace

TEST_CASE(
    "whatever happens in whatever order, a site is on one pool, held in time, and back or over in one piece; and "
    "who "
    "waits goes on in order, in time and once") {
  constexpr unsigned seeds = 100;
  constexpr int events_each = 12'000;
  const auto* wanted = std::getenv("DRAWBRIDGE_SEED");
  const auto first = wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 1U;
  const auto last = wanted != nullptr ? first : seeds;
  Tally tally;
  for (auto seed = first; seed <= last; ++seed) {
    CAPTURE(seed);
    World world(seed, tally);
    for (int i = 0; i < events_each; ++i) world.event();
  }
  MESSAGE("flips " << tally.flips << ", failed back " << tally.returns << ", crashes " << tally.crashes
                   << ", watched " << tally.watches << ", turned back " << tally.turned_back << "; waited "
                   << tally.parked << ", released " << tally.released << ", in vain " << tally.in_vain
                   << ", without a place " << tally.overflowed);
  // A world in which nothing happens proves nothing.
  const auto worlds = last - first + 1;
  for (const auto count : {tally.flips, tally.returns, tally.crashes, tally.watches, tally.turned_back,
                           tally.unheard, tally.released, tally.in_vain, tally.overflowed}) {
    CHECK(count > worlds);
  }
}
