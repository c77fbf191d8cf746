#pragma once

#include "proxy/core/ledger.h"
#include "proxy/core/parking_lot.h"
#include "proxy/core/snapshot.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace drawbridge::control {

// The data path as control/ sees it: publish, fence, and ask. Implemented over the worker threads by app/, faked in
// tests. Called on the control thread only; every callback runs on the control thread, never inside the call.
class Workers {
 public:
  virtual ~Workers() = default;

  // Makes `snapshot` what every later admission is decided by: one release-store, in force for all workers when it
  // returns. The pointer stays valid until `on_unused(epoch)` was called for a larger epoch.
  virtual void publish(const core::Snapshot* snapshot) = 0;

  struct DrainEvents {
    // Writes of the scope's sites that had ended before the fence without their upstreams' answers. Before
    // `fenced`. Optional.
    std::function<void(const core::UnknownWrites& writes)> earlier;
    // Every worker has passed the fence, the last one at `passed`; `open` is what was in flight of the scope, over
    // all workers.
    std::function<void(const core::ClassCounts& open, base::SteadyTime passed)> fenced;
    // A write that the fence was about has ended without its upstream's answer: nobody knows what it did. Before
    // `drained`. Optional.
    std::function<void(const core::OpenRequest& request)> unknown;
    // All that the scope means has ended, on all workers. After `fenced`, exactly once unless forgotten.
    std::function<void(const core::ClassCounts& ended)> drained;
  };
  // Posts a fence to each worker. `drain_id` is the caller's, unique. Tunnels of the scope are told to go, spread
  // over `tunnel_spread`.
  virtual void fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread,
                     DrainEvents events) = 0;

  using OpenList = core::OpenList;  // of all workers together
  using Listing = std::function<void(OpenList)>;
  // What is left of a drain and was not cut by it. Answered after `fenced`; empty for one that has ended.
  virtual void list_open(std::uint64_t drain_id, Listing done) = 0;
  // Ends what is left of a drain (tunnels_only: only tunnels) and tells what it ended. Answered after `fenced`.
  virtual void cut(std::uint64_t drain_id, bool tunnels_only, Listing done) = 0;
  // Nothing more is called for this drain. Never called inside a callback of DrainEvents.
  virtual void forget(std::uint64_t drain_id) = 0;

  // In flight of each given site by class, and its oldest writes (at most a few), oldest first.
  struct SiteLoad {
    core::SiteId site = 0;
    core::ClassCounts in_flight;
    std::uint64_t parked = 0;  // waiting for the end of a hold
    base::Millis oldest_parked{};
    core::HoldAccount hold;  // of the last hold
    std::vector<core::OpenRequest> oldest_writes;
    core::UnknownWrites unknown_writes;
  };
  virtual void load(std::vector<core::SiteId> sites, std::function<void(std::vector<SiteLoad>)> done) = 0;

  // Called when no worker has an admission below `epoch`: snapshots with smaller epochs may be freed. One listener.
  virtual void on_unused(std::function<void(std::uint64_t epoch)> listener) = 0;
};

}  // namespace drawbridge::control
