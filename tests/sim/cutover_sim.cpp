// A world of one site, one disk, four workers and an impatient night around core/cutover: commands, drains, ticks,
// disks that refuse, clients that hang up, and the end of the process between any two effects. After each event all
// that a cutover promises is asserted. DRAWBRIDGE_SEED replays one seed.
#include "proxy/core/cutover.h"

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

// What is on the disk: all that survives.
struct Durable {
  int pool = 0;
  Mode mode = Mode::live;
  std::optional<CutoverStage> record;
};

struct Published {
  int pool = 0;
  Mode mode = Mode::live;
  bool held = false;
};

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  void event() {
    now_ += base::Millis(pick(40));
    if (pick(5) == 0) enter_or_leave();
    if (pick(400) == 0) return crash();
    if (!transaction_) {
      if (pick(4) == 0) begin();
      return assert_promises();
    }
    feed({.kind = pick_kind(), .ok = pick(10) != 0});
    if (transaction_ && pick(3) == 0) feed({.kind = Kind::tick});
    assert_promises();
  }

  std::uint64_t flips = 0, returns = 0, crashes = 0, transactions = 0;

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  Kind pick_kind() {
    // Mostly what is waited for; the rest comes early, late or twice.
    if (!waited_for_.empty() && pick(3) != 0) {
      const auto kind = waited_for_.front();
      if (kind == Kind::drained && writes_old_ > 0 && pick(4) != 0) writes_old_ = 0;
      return kind;
    }
    constexpr Kind all[] = {Kind::guarded,         Kind::drained, Kind::run_ended, Kind::checked, Kind::fenced,
                            Kind::writes_accepted, Kind::tick,    Kind::tick,      Kind::gone,    Kind::abort};
    return all[pick(40) == 0 ? pick(10) : 6];
  }

  void begin() {
    before_ = published_;
    target_ = 1 - published_.pool;
    flipped_ = false;
    ++transactions;
    const core::CutoverPlan plan{.run = pick(2) == 0,
                                 .check = pick(2) == 0,
                                 .dry_run = pick(10) == 0,
                                 .deadline = base::Millis(50 + pick(400))};
    transaction_ = core::Cutover{};
    take(core::begin_cutover(plan));
  }

  void feed(core::CutoverEvent event) {
    // A drain that says it is over while writes are open would be a fault of the drain, not of the machine.
    if (event.kind == Kind::drained && writes_old_ > 0) event.ok = false;
    // Only the disk says that something is durable.
    if (event.kind == Kind::stored) return;
    std::erase(waited_for_, event.kind);
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
        REQUIRE(durable_.record == CutoverStage::hold);
        held_until_ = transaction_->deadline;
        REQUIRE(held_until_.has_value());
        published_.held = true;
        return;
      case CutoverAction::fence_drain:
        return await(Kind::drained);
      case CutoverAction::tell_run:
        REQUIRE(durable_.record == CutoverStage::run);
        return await(Kind::run_ended);
      case CutoverAction::probe:
        REQUIRE(durable_.record == CutoverStage::check);
        return await(Kind::checked);
      case CutoverAction::publish_new:
        REQUIRE(durable_.record == CutoverStage::flip);
        REQUIRE(durable_.pool == target_);
        REQUIRE_FALSE(flipped_);
        REQUIRE(writes_old_ == 0);
        flipped_ = true;
        ++flips;
        published_ = {.pool = target_, .mode = durable_.mode, .held = false};
        return;
      case CutoverAction::publish_back:
        REQUIRE_FALSE(flipped_);
        if (pick(4) != 0) durable_ = {.pool = before_.pool, .mode = before_.mode, .record = {}};
        published_ = before_;
        return;
      case CutoverAction::fence:
        return await(Kind::fenced);
      case CutoverAction::report:
        return report();
    }
  }

  void await(Kind kind) { waited_for_ = {kind}; }

  // A store that fails has left the disk as it was.
  void store() {
    const bool ok = pick(15) != 0;
    if (ok) {
      durable_.record = transaction_->stage;
      if (transaction_->stage == CutoverStage::flip) durable_.pool = target_;
    }
    if (pick(200) == 0) return crash();
    take(core::step(*transaction_, {.kind = Kind::stored, .ok = ok}, now_));
  }

  void report() {
    REQUIRE(transaction_->is_over());
    REQUIRE_FALSE(published_.held);
    if (transaction_->stage == CutoverStage::failed_back) {
      ++returns;
      REQUIRE(published_.pool == before_.pool);
      REQUIRE(published_.mode == before_.mode);
      REQUIRE(transaction_->failure != core::CutoverFailure::none);
    } else {
      REQUIRE(published_.pool == (transaction_->plan.dry_run ? before_.pool : target_));
    }
    durable_.record.reset();
    transaction_.reset();
    waited_for_.clear();
  }

  // The process ends; what comes up knows the disk alone.
  void crash() {
    ++crashes;
    const bool was_flipped = flipped_ && transaction_;
    if (durable_.record) {
      REQUIRE(core::has_flipped(*durable_.record) == (durable_.pool == target_));
      durable_.record.reset();
    }
    if (was_flipped) REQUIRE(durable_.pool == target_);
    const auto old = published_;
    published_ = {.pool = durable_.pool, .mode = durable_.mode, .held = false};
    // Nothing that anybody has seen is taken back.
    if (!transaction_) REQUIRE(published_.pool == old.pool);
    if (transaction_ && published_.pool == before_.pool) REQUIRE(published_.mode == before_.mode);
    transaction_.reset();
    waited_for_.clear();
    writes_old_ = 0;
    assert_promises();
  }

  // Clients: a write enters only where the snapshot lets it.
  void enter_or_leave() {
    if (pick(2) == 0 && writes_old_ > 0) {
      --writes_old_;
    } else if (!published_.held && published_.mode == Mode::live && (!transaction_ || !flipped_)) {
      ++writes_old_;
    }
    if (!transaction_) writes_old_ = 0;
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
    }
    // The tick at the deadline ends the hold: what is left of it now is a machine that ignores its clock.
    if (published_.held && now_ > *held_until_ && transaction_->stage != CutoverStage::flip) {
      take(core::step(*transaction_, {.kind = Kind::tick}, now_));
      REQUIRE_FALSE(published_.held);
    }
  }

  std::mt19937 random_;
  base::SteadyTime now_{base::Millis(1'000)};
  Durable durable_;
  Published published_;
  Published before_;
  int target_ = 1;
  bool flipped_ = false;
  int writes_old_ = 0;
  std::optional<core::Cutover> transaction_;
  std::optional<base::SteadyTime> held_until_;
  std::deque<Kind> waited_for_;
};

}  // namespace

TEST_CASE(
    "whatever happens in whatever order, a site is on one pool, held in time, and back or over in one piece") {
  constexpr unsigned seeds = 100;
  constexpr int events_each = 12'000;
  const auto* wanted = std::getenv("DRAWBRIDGE_SEED");
  const auto first = wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 1U;
  const auto last = wanted != nullptr ? first : seeds;
  std::uint64_t flips = 0, returns = 0, crashes = 0;
  for (auto seed = first; seed <= last; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < events_each; ++i) world.event();
    flips += world.flips;
    returns += world.returns;
    crashes += world.crashes;
  }
  MESSAGE("flips " << flips << ", failed back " << returns << ", crashes " << crashes);
  // A world in which nothing happens proves nothing.
  CHECK(flips > 10 * (last - first + 1));
  CHECK(returns > 10 * (last - first + 1));
  CHECK(crashes > 10 * (last - first + 1));
}
