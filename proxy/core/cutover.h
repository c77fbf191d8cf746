#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// The stages of a cutover (DESIGN: cutover). Up to and including `flip` the site is on the old pool.
enum class CutoverStage : std::uint8_t {
  guard,        // the new pool is asked whether it can serve; nothing has changed
  hold,         // the hold is being made durable
  drain,        // held; the old pool's writes end
  run,          // the operator's command
  stop,         // given up; held until nothing of the command runs any more
  check,        // a probe request to the new pool
  flip,         // the decision is being made durable
  retire,       // on the new pool; every worker comes to know
  watch,        // on the new pool; its errors are counted
  back,         // failed: on the old pool again as before; every worker comes to know
  done,         // over: on the new pool (or, after a dry run, nothing was done)
  failed_back,  // over: on the old pool, in the mode it had before
};

enum class CutoverFailure : std::uint8_t {
  none,
  guard,       // the new pool cannot serve
  not_stored,  // a stage could not be made durable
  undrained,   // the drain deadline passed with requests open
  unknown,     // of a write that had to end nobody knows whether it has ended at its server
  run,         // the command ended with another code than 0
  check,       // the probe of the new pool failed
  writes,      // of a rollback: the pool that is to be left accepted writes meanwhile
  deadline,
  gone,     // the client who asked has hung up
  aborted,  // told to end
  errors,   // the new pool answered with too many errors: of a transaction that stays on it, or goes back
};

// So long after the deadline nothing of a command runs any more, said or not: its keeper has ended it by then.
constexpr base::Millis stop_limit{8'000};

std::string_view name(CutoverStage stage);
std::string_view name(CutoverFailure failure);
std::optional<CutoverStage> parse_cutover_stage(std::string_view text);

// What was asked for, as far as it decides the order of stages.
struct CutoverPlan {
  bool run = false;
  bool check = false;
  bool dry_run = false;
  base::Millis deadline{60'000};  // from the hold to the flip
  base::Millis watch{0};          // after the flip
  double errors_max = 0.05;       // what part of the answers may be errors
  bool return_on_errors = false;
};

// What the new pool has answered since the flip.
struct WatchSample {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  // 5xx, our own for servers that could not be reached included
};

// Whether that is too many; `last`: nothing more will be counted. Before, a handful of answers proves nothing.
bool has_too_many_errors(const WatchSample& sample, double errors_max, bool last);

// Where one transaction is.
struct Cutover {
  CutoverPlan plan;
  CutoverStage stage = CutoverStage::guard;
  bool entered = false;  // the stage is durable and its effect ordered
  CutoverFailure failure = CutoverFailure::none;
  std::optional<base::SteadyTime> deadline;     // since the hold is published
  std::optional<base::SteadyTime> stop_until;   // since the command is told to end
  bool unheard = false;                         // the hold ended though nobody had said that the command has
  std::optional<base::SteadyTime> watch_until;  // since the watch has begun
  bool returning = false;                       // the way back of a watch: its old pool is the one that was watched

  bool is_over() const { return stage == CutoverStage::done || stage == CutoverStage::failed_back; }
  // The site is held: reads or writes wait.
  bool holds() const;
  // When what is under way ends at the latest, as far as that is bounded.
  std::optional<base::SteadyTime> ends_at() const;
};

struct CutoverEvent {
  enum class Kind : std::uint8_t {
    guarded,          // ok: the new pool can serve
    stored,           // ok: what `store` asked for is durable
    drained,          // ok: nothing is left that the flip must not leave behind
    run_ended,        // nothing of the command runs any more; ok: exit code 0
    checked,          // ok: the new pool answered the probe well
    fenced,           // every worker has passed the fence of the last publication
    outcome_unknown,  // likewise, but of a write nobody knows whether it has ended at its server, and that matters
    writes_accepted,  // of a rollback, before the flip
    watched,          // `sample`; ok: the writes that the new pool has accepted do not forbid to go back
    tick,             // time has passed
    gone,             // the client who asked has hung up
    abort,
    abort_now,  // likewise, and not to wait for the end of the command
  };
  Kind kind = Kind::tick;
  bool ok = true;
  WatchSample sample{};
};

enum class CutoverAction : std::uint8_t {
  guard,         // probe the servers of the new pool → guarded
  store,         // make the stage durable → stored. Before any other effect of the stage
  publish_hold,  // the old pool, held
  fence_drain,   // fence, and wait for what must end → drained
  tell_run,      // let the client run its command → run_ended
  end_run,       // let the client end its command → run_ended
  probe,         // the check → checked
  publish_new,   // the new pool, the hold is over
  publish_back,  // the old pool, the mode as before; the record is taken away, durable if the disk allows
  fence,         // → fenced
  watch,         // count → watched, again and again
  turn_back,     // the transaction becomes its own way back: old and new change places
  report,        // the transaction is over
};

std::string_view name(CutoverAction action);

// An instant in a transaction: right before or right after an action of a stage.
struct CutoverPoint {
  CutoverStage stage = CutoverStage::guard;
  CutoverAction action = CutoverAction::guard;
  bool after = false;
};

// "flip.store.before"
std::string name(const CutoverPoint& point);

struct CutoverStep {
  Cutover state;
  std::vector<CutoverAction> actions;  // in this order
};

// The first step of a transaction.
CutoverStep begin_cutover(const CutoverPlan& plan);

// Pure. An event that does not belong to the stage changes nothing: it comes too late. Once the flip is being made
// durable nothing but a disk that refuses stops it.
CutoverStep step(const Cutover& state, const CutoverEvent& event, base::SteadyTime now);

// What a restarted process does with a transaction whose last durable stage was this: true, it is on the new pool;
// false, on the old one in the mode it had before.
bool has_flipped(CutoverStage durable);

}  // namespace drawbridge::core
