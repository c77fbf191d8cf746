#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/limits.h"
#include "proxy/base/time.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/endpoint.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::upstream {

// The addresses of a server by slot. An address keeps its slot while the name resolves to it, so that slots mean
// the same to whoever holds an older list; the slot of one that went away is empty (Endpoint::empty) until it is
// reused.
using EndpointSlots = std::vector<net::Endpoint>;
using EndpointMask = std::uint32_t;  // bit i: slot i
static_assert(base::limits::endpoints_per_server_max <= 32);

enum class HealthState : std::uint8_t { unknown, up, down };  // unknown counts as up

std::string_view name(HealthState state);

// What failures of real requests do. An address that is out is tried again when its pause ends, and counts as down
// until a request or a probe of it succeeds.
struct PassivePolicy {
  std::uint32_t fall = 3;      // failures in a row that take an address out; 0 = never
  base::Millis pause{10'000};  // longest time it is out: 1 s at first, doubled each time up to this
};

// Requests in a row that got no whole answer, whatever probes say of their server.
struct Broken {
  std::uint32_t count = 0;
  base::Reason last = base::Reason::closed;
  base::Millis last_ago{};
};

// Bytes of a server that no request had asked for, within strays_kept.
struct Strays {
  std::uint32_t count = 0;
  base::Millis last_ago{};
};

// One address, for people.
struct EndpointHealth {
  net::Endpoint endpoint;
  HealthState state = HealthState::unknown;
  std::string reason;      // why it is down, or what failed last: "status 500", "connect refused"; "" = nothing yet
  base::WallTime since{};  // of this state
  std::uint32_t failures = 0;  // in a row, of probes or of requests, whichever is more
  Broken broken;
};

struct ServerHealth {
  HealthState state = HealthState::unknown;  // down: no address is usable
  std::string reason;                        // why it is down; also that its name does not resolve any more
  base::WallTime since{};
  Broken broken;  // of the address that has most
  Strays strays;
  std::vector<EndpointHealth> endpoints;
};

// Which servers can be asked, beside the snapshot: changes without an epoch. Workers read and report with relaxed
// atomics; the control thread owns the rest. A server that nobody watches is not usable.
class HealthBoard {
 public:
  HealthBoard();
  ~HealthBoard();
  HealthBoard(const HealthBoard&) = delete;
  HealthBoard& operator=(const HealthBoard&) = delete;

  // Any thread:

  // The slots that may be asked now: present, not down by probe, not out after failures.
  EndpointMask usable(core::ServerId server, base::SteadyTime now) const;
  bool eligible(core::ServerId server, base::SteadyTime now) const { return usable(server, now) != 0; }
  // What a request met: a connection that could not be made, or one that broke before an answer.
  void report_failure(core::ServerId server, std::size_t slot, base::Reason reason, base::SteadyTime now);
  // It got no whole answer. Only told, whoever it was that asked, where report_failure() takes servers out.
  void report_broken(core::ServerId server, std::size_t slot, base::Reason reason, base::SteadyTime now);
  void report_success(core::ServerId server, std::size_t slot);  // no store unless there were failures
  // It sent bytes on a connection that no request had asked for. Who takes them for an answer gets another's.
  void report_stray(core::ServerId server, base::SteadyTime now);
  static constexpr std::chrono::hours strays_kept{1};
  bool has_strayed(core::ServerId server, base::SteadyTime now) const;  // within it

  // Control thread only:

  void watch(core::ServerId server, PassivePolicy policy, base::WallTime now);
  void forget(core::ServerId server);
  // The operator's word. The snapshot has it too, but requests that older ones let in choose a server by this:
  // after the fence of a `server drain` nobody asks that server any more, not even once more.
  void take_out(core::ServerId server, bool out);
  // Takes what the name resolves to now; returns the slots after it. At most endpoints_per_server_max are used.
  EndpointSlots set_addresses(core::ServerId server, const std::vector<net::Endpoint>& addresses,
                              base::WallTime now);
  EndpointSlots slots(core::ServerId server) const;
  // The name could not be resolved: what is known stays in use; `reason` is shown while nothing is.
  void set_lookup_failure(core::ServerId server, std::string_view reason);
  // Verdict of the prober after rise and fall; ends a pause of the address when healthy. `failures`: in a row.
  void set_probed(core::ServerId server, std::size_t slot, HealthState state, std::string_view reason,
                  std::uint32_t failures);

  struct Change {
    core::ServerId server = 0;
    net::Endpoint endpoint;
    HealthState state = HealthState::up;
    bool server_changed = false;  // the server as a whole went up or down with it
    std::string reason;
  };
  // What changed since the last sweep, by probes, requests and the end of pauses. Called a few times a second.
  std::vector<Change> sweep(base::WallTime now);
  // As of the last sweep.
  ServerHealth health(core::ServerId server) const;

 private:
  struct Row;

  Row* row(core::ServerId server) const;
  Row& watched_row(core::ServerId server);
  static void end_pause(Row& row, std::size_t slot);
  static void sweep_row(core::ServerId server, Row& row, base::WallTime now, std::vector<Change>& changes);

  std::unique_ptr<std::atomic<Row*>[]> rows_;  // by ServerId; made by watch(), freed with the board
  std::vector<core::ServerId> watched_;        // control thread's
};

}  // namespace drawbridge::upstream
