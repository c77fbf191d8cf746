#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/ledger.h"
#include "proxy/core/parking_lot.h"
#include "proxy/core/snapshot.h"
#include "proxy/net/handed_over.h"
#include "proxy/serve/worker.h"
#include "proxy/upstream/health_board.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace drawbridge::serve {

// All workers of the process and their threads, seen from the control thread: publish, fence, ask, stop. Every
// method belongs to the control thread; results come back on it through Shared::to_control, never inside the call.
class WorkerGroup {
 public:
  // `shared` outlives the group; its calls for drains and epochs are set here.
  explicit WorkerGroup(Shared& shared);
  ~WorkerGroup();  // after stop()
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;

  struct Listening {
    std::vector<std::string> addresses;  // as bound, in the order of the doors
    std::vector<int> opened;             // sockets that were not handed over; the workers own them
  };
  // At each door with what was handed over for its address, and with new sockets where a worker has none; beside
  // some that were handed over only if `may_add`. Before start().
  base::Expected<Listening> listen(const std::vector<Door>& doors, std::vector<net::HandedSocket> handed = {},
                                   bool may_add = true);
  // What is spoken at the door with this number to who comes from now on.
  void speak(std::size_t door, const std::shared_ptr<const net::TlsServer>& tls);
  // Starts the threads. A snapshot must be published.
  void start();
  // Stops accepting, finishes what is in flight. `done` when all threads have ended.
  void shut_down(const Parting& parting, std::function<void()> done);
  // Meanwhile: ends tunnels, requests from before that time, and those whose head has not come whole; ends all.
  void end_old(base::SteadyTime before);
  void end_all();
  // Since when the oldest request in flight is, tunnels aside.
  void oldest_request(std::function<void(std::optional<base::SteadyTime>)> done);

  void publish(const core::Snapshot* snapshot);
  void set_addresses(core::ServerId server, const std::optional<upstream::EndpointSlots>& slots);

  struct DrainEvents {
    std::function<void(const core::UnknownWrites&)>
        earlier;  // before `fenced`: such that had ended before the fence
    // All workers have passed the fence, the last one then.
    std::function<void(const core::ClassCounts&, base::SteadyTime)> fenced;
    std::function<void(const core::OpenRequest&)> unknown;  // a write ended and nobody knows what it did
    std::function<void(const core::ClassCounts&)> drained;  // after `fenced`: all that the scope means has ended
  };
  using Listing = std::function<void(core::OpenList)>;
  void fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread, DrainEvents events);
  void list_open(std::uint64_t drain_id, Listing done);
  void cut(std::uint64_t drain_id, bool tunnels_only, Listing done);
  void forget(std::uint64_t drain_id);

  struct SiteLoad {
    core::SiteId site = 0;
    core::ClassCounts in_flight;
    std::uint64_t parked = 0;  // waiting for the end of a hold
    base::Millis oldest_parked{};
    core::HoldAccount hold;                        // of the last hold
    std::vector<core::OpenRequest> oldest_writes;  // tunnels counted as writes included; oldest first
    core::UnknownWrites unknown_writes;
  };
  void load(std::vector<core::SiteId> sites, std::function<void(std::vector<SiteLoad>)> done);

  // Called when no worker has an admission below an epoch.
  void on_unused(std::function<void(std::uint64_t epoch)> listener) { unused_ = std::move(listener); }

 private:
  struct Drain {
    std::size_t unfenced = 0;
    std::size_t undrained = 0;
    core::ClassCounts open;
    core::ClassCounts ended;
    core::UnknownWrites earlier;
    base::SteadyTime passed;  // by the last of those that have
    DrainEvents events;
  };

  void worker_ended(Worker& worker);
  void post(Worker& worker, std::function<void()> work);
  void worker_fenced(std::uint64_t drain_id, const core::ClassCounts& open, core::UnknownWrites earlier,
                     base::SteadyTime passed);
  void worker_ended_unknown(std::uint64_t drain_id, const core::OpenRequest& request);
  void worker_drained(std::uint64_t drain_id, const core::ClassCounts& ended);
  void worker_ended_epochs(std::size_t worker, std::uint64_t epoch);
  void drain_progress(std::uint64_t drain_id);
  // Runs `ask` on each worker's thread and `done` with all answers on the control thread.
  template <class T>
  void gather(std::function<T(Worker&)> ask, std::function<void(std::vector<T>)> done);

  Shared& shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::size_t running_ = 0;
  std::vector<bool> ended_;  // by worker: its thread does nothing any more
  std::map<std::uint64_t, Drain> drains_;
  std::vector<std::uint64_t> ended_epochs_;  // by worker
  std::uint64_t unused_below_ = 0;
  std::function<void(std::uint64_t)> unused_;
  std::function<void()> stopped_;
};

}  // namespace drawbridge::serve
