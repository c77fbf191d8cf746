#pragma once

#include "config/config.h"
#include "proxy/base/event_log.h"
#include "proxy/control/alarms.h"
#include "proxy/control/changes.h"
#include "proxy/control/completion.h"
#include "proxy/control/cutovers.h"
#include "proxy/control/history_entry.h"
#include "proxy/control/last_end.h"
#include "proxy/control/mode_timer.h"
#include "proxy/control/publisher.h"
#include "proxy/control/refusal.h"
#include "proxy/control/snapshot_builder.h"
#include "proxy/control/state.h"
#include "proxy/control/state_store.h"
#include "proxy/control/status.h"
#include "proxy/control/waits.h"
#include "proxy/control/workers.h"
#include "proxy/core/answer.h"
#include "proxy/core/command.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace drawbridge::control {

class History;
struct Reconciled;

// The single writer of state: what is on now (modes, active pools, what operators want of servers) changes here and
// nowhere else. Every change is validated, made durable, published, fenced and recorded, in this order; what cannot
// be stored is refused and nothing has changed. Control thread only.
class Controller {
 public:
  // Reads the configuration file again. Blocks on the disk.
  using Load = std::function<std::expected<config::Config, std::vector<config::Problem>>()>;
  // The answers of a site in a mode other than live; never null, whatever the disk says.
  using Render = AnswerCache::Render;

  // What it works with; all outlive it.
  struct Parts {
    Workers& workers;
    Alarms& alarms;
    StateStore& store;
    History& history;
    base::EventLog& events;
    Load load;
    Render render;
    std::string boot_id;  // control::boot_id()
    // Asks servers now: by their health policy, or for `path` if it is not empty. `done` later, on this thread.
    struct Found {
      core::ServerId server = 0;
      bool healthy = false;
      std::string reason;
    };
    std::function<void(const std::vector<core::ServerId>& servers, const std::string& path,
                       std::function<void(std::vector<Found>)> done)>
        probe;
    std::function<Cutovers::Served(core::SiteId)> served;  // all of the site's requests
    std::function<std::uint64_t(core::SliceId)> slice_writes;
    std::function<void(core::SiteId)> forget_first_write;
    std::function<core::WatchSample(core::PoolId)> answered;
    std::function<void(const core::CutoverPoint&)> passing = {};  // for tests; none in production
  };

  Controller(Parts parts, config::Config config);
  ~Controller();  // who still waits hears nothing; the workers have ended, for the snapshots go
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Reads the state (or makes the first one), stores and publishes the first snapshot, arms the timers. Before the
  // listeners open. Fails if the state is one we must not touch: of a newer proxyd, or with an active pool that the
  // configuration does not have. State that cannot be read is no failure: every site is in maintenance then.
  base::Expected<void> start();

  // Carries out a command. Whether it was accepted is known when submit() returns (current() shows it), but told
  // only later through `completion`.
  void submit(core::Command command, Completion completion);

  // The client's command of a cutover has ended (Progress::cutover told it to run); the history keeps its output.
  // `stopped`: it was told to end, so that its exit code says nothing.
  std::expected<void, Refusal> run_ended(const std::string& site, std::uint64_t id, int exit_code,
                                         const std::string& output = {}, bool stopped = false);

  // Gives a cutover up that has not flipped; `now`: without waiting for the end of its command.
  std::expected<void, Refusal> abort_cutover(const std::string& site, const core::Actor& actor, bool now = false);

  // Ends every wait: what was published stays, its completions get shutting_down. No command is accepted after.
  void stop();

  // Valid until the control thread returns to its loop: a later change may free it.
  const core::Snapshot& current() const;
  const config::Config& config() const { return config_; }
  Status status() const;
  // Snapshots not yet freed, the current one included: a measure of what long requests hold.
  std::size_t snapshots_in_use() const { return publisher_.in_use(); }

  // Somebody waits for a cutover to end, its watch included.
  bool is_cutting_over() const { return !cutovers_.is_idle(); }

  // Newest first, of one site if `site` is not empty, at most `count_max`.
  std::vector<HistoryEntry> history(const std::string& site, std::size_t count_max) const;

  // Done exactly once, never inside the call; unknown sites are refused. The id cancels (done does not come then).
  std::uint64_t wait(WaitFor what, std::function<void(std::expected<Waited, Refusal>)> done);
  void cancel_wait(std::uint64_t id);

  // What visitors of a site would get in `mode` (not live). Changes nothing.
  std::expected<std::shared_ptr<const core::AnswerSet>, Refusal> preview(const std::string& site,
                                                                         const core::ModeState& mode) const;

  // Called after each publication, on the control thread: the prober, the resolver and the workers' own settings
  // follow the configuration this way. May be set several times; must not call back into the controller.
  void on_published(std::function<void(const core::Snapshot&, const config::Config&)> listener);

 private:
  using Checked = std::expected<void, Refusal>;
  // A change on its way: everything that commit() makes true at once.
  struct Next {
    State state;
    std::optional<config::Config> config;  // of a reload
  };

  struct Built {
    Next next;
    Ids ids;
    AnswerCache answers;
    std::unique_ptr<core::Snapshot> snapshot;
  };

  Checked carry_out(core::Command& command, Completion& completion);
  Checked change_mode(const core::ModeCommand& command, const core::Actor& actor, Completion& completion);
  std::string kept_then(const core::ModeCommand& command, const std::vector<std::string>& sites) const;
  Checked change_server(const core::ServerCommand& command, const core::Actor& actor, Completion& completion);
  Checked reload(const core::Actor& actor, Completion& completion);
  void note_reload_refused(const core::Command& command, const Refusal& refusal);
  Checked change_pool(const core::CutoverCommand& command, const core::Actor& actor, Completion& completion);
  Checked check_rollback(const core::CutoverCommand& command) const;
  void end_old_cutovers(State& state);
  static std::map<std::string, AcceptedWrites> take_accepted(State& state);
  void note_accepted(State& state, bool exact) const;
  void record_cutover(const ChangeOrder& order, const Cutovers::Fence& what);
  bool expire(const std::vector<std::string>& sites);
  Checked expire_to(core::Mode mode, const std::vector<std::string>& sites);
  void follow_clock();
  void follow_clock(base::Millis interval);
  bool announce_ends_anew();
  void refuse(Completion completion, const core::Actor& actor, Refusal refusal);

  // The one way by which anything changes: build, store, install; or nothing has changed.
  Checked commit(Next next);
  std::expected<Built, Refusal> build(Next next);
  Checked store(const State& state);
  void install(Built built);

  ChangeOrder order_for(std::string what, std::vector<std::string> sites, const core::Actor& actor) const;
  void set_drain(ChangeOrder& order, core::Mode mode) const;
  void set_drain_timeout(ChangeOrder& order) const;
  void supersede(const ChangeOrder& order);
  void begin(ChangeOrder order, Completion completion);

  void note_load(const StateStore::Loaded& loaded);
  void note_fit(const Reconciled& fitted);
  void record(const ChangeOrder& order, const std::string& reason, const State& before, bool is_mode_change);
  void record_end(const core::Receipt& receipt, const core::Actor& actor);
  void record_start(const State& before);
  void store_end();
  std::string tell_unfollowed_edits();
  void append_history(HistoryEntry entry);
  void warn_of_load(std::string text);
  void note_seen(const std::vector<std::string>& sites);

  bool is_there(const std::string& site, const WaitFor& what) const;
  std::vector<std::string> sites_of_pool(const std::string& pool) const;
  void wait_for_server(ChangeOrder& order, const core::ServerCommand& command) const;
  SiteStatus site_status(const core::SiteView& site, const base::Now& now) const;
  std::vector<std::string> warnings() const;

  Parts parts_;
  config::Config config_;
  State state_;
  Ids ids_;
  AnswerCache answers_;
  std::uint64_t rules_epoch_ = 0;  // of the last reload
  TlsClients tls_clients_;
  Publisher publisher_;
  Changes changes_;
  class CutoverHands;
  std::unique_ptr<CutoverHands> hands_;
  Cutovers cutovers_;
  ModeTimer timer_;
  Alarms::Id clock_look_ = 0;
  Waits waits_;
  std::map<std::string, core::Outcome> last_cutovers_;  // by site
  std::vector<std::function<void(const core::Snapshot&, const config::Config&)>> listeners_;
  base::WallTime started_at_;
  bool stopped_ = false;
  // What the start found, until somebody has changed each of these sites since.
  struct LoadWarning {
    std::string text;
    std::set<std::string> sites;
  };
  std::vector<LoadWarning> load_warnings_;
  std::string store_warning_;  // until a change is stored
  LastEnd last_end_;
  std::string refused_reload_;  // until one is carried out
};

}  // namespace drawbridge::control
