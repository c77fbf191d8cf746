#pragma once

#include "proxy/base/event_log.h"
#include "proxy/control/alarms.h"
#include "proxy/control/completion.h"
#include "proxy/control/drain.h"
#include "proxy/control/status.h"
#include "proxy/control/workers.h"
#include "proxy/core/command.h"
#include "proxy/core/mode.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::control {

// What has to happen after a change was published.
struct ChangeOrder {
  core::Receipt receipt;  // epoch, sites, what, published_at
  std::vector<core::SiteId> site_ids;
  std::vector<core::SiteId> retired_ids;  // sites that a reload took away: what they let in must end as well
  core::ClassMask classes;                // what must end; empty: only the fence counts
  bool spare_read_tunnels = false;
  bool exempt_too = false;
  base::Millis drain_timeout{0};
  base::Millis tunnel_spread{0};
  bool hurries_tunnels = false;  // told all at once, and cut when tunnel_hurry is over: requests wait for their end
  bool cut = false;
  std::optional<core::ServerId> at_server;          // that is taken out: only what it has must end, of any site
  std::shared_ptr<const core::Placement> moved_by;  // of a part of a site: core::DrainScope. Immutable
  std::vector<std::string> left;  // of a cutover that was made: the pools that it left. No mode takes that back
  std::string match;              // likewise: of a slice
  core::Actor actor;

  static constexpr base::Millis tunnel_hurry{2'000};

  bool waits() const { return classes.bits != 0; }
};

// The changes whose fence or drain is not over, and those whose deadline passed with requests open: they are
// watched until the last has ended, for `status` and `wait`. Runs each one's Drain over workers and alarms. Control
// thread.
class Changes {
 public:
  struct Listener {
    std::function<void(const core::Receipt&, const core::Actor&)> ended;
    std::function<void()> moved;  // a fence passed, a drain ended or was given up
  };
  static constexpr std::size_t changes_max = 1'000;

  Changes(Workers& workers, Alarms& alarms, base::EventLog& events, Listener listener);
  ~Changes();
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  bool is_full() const { return changes_.size() >= changes_max; }
  // Drains of a server's requests can be told apart from those of others only while they are few.
  static constexpr std::ptrdiff_t marking_max = 16;
  bool is_full_of_marks() const;

  // A new mode of `site` is about to be published: what waits on that site under a mode that asked for more can no
  // longer promise it and says so. A mode at least as strict leaves the promise whole, and each mode that of a
  // cutover: what its old pool still has is there whatever the mode.
  void supersede(core::SiteId site, const std::string& name, core::ClassMask classes, const std::string& by_what);
  // A cutover of the site was made: what it brings back to a pool that an earlier one left (ChangeOrder::left) no
  // longer leaves that. `pools`: where the requests of a match go now.
  using PoolsOf = std::function<std::vector<std::string>(const std::string& match)>;
  void supersede_retirement(core::SiteId site, const std::string& name, const PoolsOf& pools,
                            const std::string& by_what);
  // The change of this name has come to nothing.
  void supersede_change(core::SiteId site, const std::string& name, const std::string& what,
                        const std::string& by_what);
  void start(ChangeOrder order, Completion completion);
  // The server takes part again: who waits for its last requests would wait for new ones.
  void supersede_server(const std::string& change, const std::string& by_what);

  std::optional<Draining> draining(core::SiteId site) const;
  bool is_fenced(core::SiteId site) const;
  bool is_drained(core::SiteId site) const;

  // Tells everyone who waits that the proxy ends.
  void stop();

 private:
  struct Change;

  void watch(Change& change);
  void fenced(Change& change, const core::ClassCounts& open, base::SteadyTime passed);
  void drained(Change& change, const core::ClassCounts& ended);
  void perform(Change& change, Drain::Action action);
  void finish(Change& change);
  void poll(Change& change);
  void look(Change& change);
  void tell(Change& change, Stage stage);
  void take_back(Change& change, core::SiteId site, const std::string& name, const std::string& by_what);
  void sweep_soon();
  void drop_over();
  bool concerns(const Change& change, core::SiteId site) const;
  // `call` with the change, if it and we still exist.
  template <class Call>
  auto for_change(std::uint64_t id, Call call);

  Workers& workers_;
  Alarms& alarms_;
  base::EventLog& events_;
  Listener listener_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Change>> changes_;
  bool sweeps_ = false;
  std::shared_ptr<Changes*> self_;  // callbacks of workers may outlive us: they hold it weakly
};

}  // namespace drawbridge::control
