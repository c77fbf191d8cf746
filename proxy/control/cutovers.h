#pragma once

#include "proxy/control/alarms.h"
#include "proxy/control/completion.h"
#include "proxy/control/refusal.h"
#include "proxy/control/slices.h"
#include "proxy/control/state.h"
#include "proxy/core/command.h"
#include "proxy/core/cutover.h"
#include "proxy/core/parking_lot.h"
#include "proxy/core/receipt.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

// A cutover under way, for people.
struct CutoverStatus {
  std::uint64_t id = 0;
  core::CutoverStage stage = core::CutoverStage::guard;
  std::string from, to;
  std::string match;  // of a slice; empty: the whole site
  std::string by;
  base::Millis elapsed{};            // since it was asked for
  std::optional<base::Millis> left;  // until the deadline, while the site is held
};

// The cutovers under way, at most one a site: runs core::step over the controller's hands. Control thread.
class Cutovers {
 public:
  using Checked = std::expected<void, Refusal>;

  // What a change of a cutover waits for after its publication.
  struct Fence {
    std::string what;                    // of the history
    std::string before, after;           // likewise: pools, where the change is one: the flip
    std::vector<std::string> left = {};  // by a flip: the pools of `before`
    std::string match;                   // of a slice
    std::string takes_back;              // the change of this name has come to nothing
    std::string reason;
    std::string output;  // of the command, for the history
    core::ClassMask classes;
    bool spare_read_tunnels = false;
    bool hurries_tunnels = false;               // ChangeOrder's
    bool exempt_too = false;                    // of the old pool at the end: it is to be left by all
    std::optional<base::Millis> drain_timeout;  // none: the site's
    bool cut = false;
    std::optional<Places> moved_by;  // of a partial one: only what this sends elsewhere
    core::Actor actor;
  };

  // What the writes of a site came to since the process began.
  struct Served {
    std::uint64_t writes = 0;                     // writes and tunnels that servers were sent
    std::optional<base::SteadyTime> last_write;   // the end of the last one
    std::optional<base::SteadyTime> first_write;  // the begin of the first one since Hands::forget_first_write()
  };

  // Who waits for the end of a hold, what has become of the others, and what is at servers.
  struct Parked {
    std::uint64_t waiting = 0;
    base::Millis oldest{};
    core::HoldAccount hold;
    core::ClassCounts in_flight;
    std::vector<core::OpenRequest> oldest_writes;
  };

  // What a cutover does to the world: the controller's part. Callbacks come on the control thread, never inside the
  // call.
  class Hands {
   public:
    struct Probed {
      bool ok = false;
      std::string text;  // "2 of 2 servers answer", or who does not and why
    };

    virtual const SiteState& site(const std::string& name) const = 0;
    virtual std::uint64_t epoch() const = 0;
    virtual void probe(const std::vector<std::string>& pools, const std::string& path,
                       std::function<void(Probed)> done) = 0;
    // Durable when it returns; publish() makes it what requests meet. Nothing else comes between the two.
    virtual Checked prepare(const std::string& site, SiteState wanted) = 0;
    virtual void publish() = 0;
    // How the site will be stored in the stages to come, while nobody waits yet: the disk may get ahead.
    struct Stored {
      SiteState wanted;
      bool publishes = false;
    };
    virtual void foresee(const std::string& site, const std::vector<Stored>& stages) = 0;
    // Durable when it returns; what requests meet does not change.
    virtual Checked note(const std::string& site, SiteState wanted) = 0;
    // In force when it returns, whatever the disk says (the result tells): a restart goes by the same pool and
    // mode, but for a flip that failed to be stored and could not be taken back on the disk (Refusal::uncertain).
    virtual Checked publish_back(const std::string& site, SiteState wanted) = 0;
    virtual void fence(const std::string& site, Fence what, Completion completion) = 0;
    virtual void parked(const std::string& site, std::function<void(const Parked&)> done) = 0;
    virtual Served served(const std::string& site) const = 0;
    // Writes and tunnels of a slice that servers were sent.
    virtual std::uint64_t slice_writes(const std::string& site, const std::string& key) const = 0;
    // What a partial cutover makes of the site; it was checked.
    virtual PartialMove plan(const core::CutoverCommand& command, const core::Actor& actor) const = 0;
    virtual void forget_first_write(const std::string& site) = 0;
    // What a pool has answered since the process began.
    virtual core::WatchSample answered(const std::string& pool) const = 0;
    // A transaction is at this point. Nothing comes of it but in tests, which end the process there.
    virtual void pass(const core::CutoverPoint& point) = 0;
    // A transaction is over; `failure` is empty if it did what was asked. `outcome`: none if nothing was changed.
    virtual void ended(const std::string& site, std::optional<core::Outcome> outcome,
                       const std::string& failure) = 0;

   protected:
    ~Hands() = default;
  };

  Cutovers(Hands& hands, Alarms& alarms);
  ~Cutovers();
  Cutovers(const Cutovers&) = delete;
  Cutovers& operator=(const Cutovers&) = delete;

  // `command` has been checked (cutover_order.h) and names its pool. A refusal or a receipt comes later.
  void start(core::CutoverCommand command, const core::Actor& actor, Completion completion);
  struct RunEnd {
    int exit_code = 0;
    std::string output;
    bool stopped = false;  // it was told to end
  };
  // Nothing of the command that a client ran runs any more.
  Checked run_ended(const std::string& site, std::uint64_t id, const RunEnd& ended);

  // Gives a cutover up, if it has not flipped yet, or ends its watch. `now`: without waiting for its command's end.
  Checked abort(const std::string& site, const core::Actor& actor, bool now = false);

  std::optional<CutoverStatus> status(const std::string& site) const;
  // Requests wait for a flip, or for the way back.
  bool is_holding() const;
  bool is_idle() const { return transactions_.empty(); }
  // Who holds a site; a refusal that says so. A watch holds nobody up.
  Checked check_free(const std::string& site) const;
  // Writes since the last cutover of a site, or of a slice of it; none: nobody knows.
  std::optional<AcceptedWrites> writes_since_flip(const std::string& site, const std::string& match = {}) const;
  // What the disk knows of them when the process begins.
  void restore(const std::string& site, const AcceptedWrites& accepted);

  void stop();

 private:
  struct Transaction;

  void feed(Transaction& transaction, core::CutoverEvent event);
  void take(Transaction& transaction, core::CutoverStep taken);
  void perform(Transaction& transaction, core::CutoverAction action);
  void carry_out(Transaction& transaction, core::CutoverAction action);
  void guard(Transaction& transaction);
  void ask_servers(Transaction& transaction, const std::string& path, core::CutoverEvent::Kind answer);
  bool store(Transaction& transaction);
  void publish_hold(Transaction& transaction);
  void fence_drain(Transaction& transaction);
  void tell_run(Transaction& transaction);
  void end_run(Transaction& transaction);
  void probe(Transaction& transaction);
  void publish_new(Transaction& transaction);
  void publish_back(Transaction& transaction);
  void fence(Transaction& transaction);
  void report(Transaction& transaction);
  void drained(Transaction& transaction, const Done& done);
  void look_at_open_writes(Transaction& transaction);
  static std::string tunnels_text(const Transaction& transaction, std::uint64_t open);
  void watch_operator(Transaction& transaction);
  void tell(Transaction& transaction, Progress progress);
  void end_hold(Transaction& transaction);
  void await_release(Transaction& transaction);
  void tell_release(Transaction& transaction);
  void watch(Transaction& transaction);
  void look_at_new_pool(Transaction& transaction);
  void turn_back(Transaction& transaction);
  core::Outcome outcome_of(const Transaction& transaction) const;
  std::string note_of(const Transaction& transaction) const;
  bool may_leave(Transaction& transaction);
  static bool gives_up_writes(const Transaction& transaction);
  void count_left_behind(Transaction& transaction) const;
  void foresee(const Transaction& transaction);
  SiteState recorded(const Transaction& transaction, core::CutoverStage stage) const;
  std::string cause_text(const Transaction& transaction) const;
  std::string failure_text(const Transaction& transaction) const;
  // `call` with the transaction, if it and we still exist.
  template <class Call>
  auto for_transaction(const Transaction& transaction, Call call);

  Hands& hands_;
  Alarms& alarms_;
  std::uint64_t last_number_ = 0;
  std::map<std::string, std::unique_ptr<Transaction>> transactions_;  // by site
  void count_flip(const Transaction& transaction);

  struct Baseline {
    AcceptedWrites before;     // of earlier processes
    std::uint64_t served = 0;  // of this one, when the count began
  };
  std::map<std::string, Baseline> baselines_;  // by site
  // Of each slice, by "SITE KEY", for each of its cutovers that is not undone.
  std::map<std::string, std::vector<std::uint64_t>> slice_writes_at_flip_;
  std::shared_ptr<Cutovers*> self_;  // callbacks of others may outlive us: they hold it weakly
};

}  // namespace drawbridge::control
