#pragma once

#include "proxy/control/alarms.h"
#include "proxy/control/workers.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::tests {

// Time that moves when the test says so.
class FakeAlarms final : public control::Alarms {
 public:
  base::Now now() const override { return now_; }
  Id at(base::SteadyTime time, std::function<void()> call) override;
  void cancel(Id id) override { armed_.erase(id); }
  void post(std::function<void()> call) override { posted_.push_back(std::move(call)); }

  // Calls what is posted and due until nothing is.
  void settle();
  // Lets time pass, calling what becomes due in its order.
  void advance(base::Millis time);
  // Somebody sets the wall clock.
  void jump_wall(base::Millis by) { now_.wall += by; }
  // The machine starts anew: another steady clock; what was armed is gone. `down` passes on the wall clock.
  void reboot(base::Millis down);
  void forget_all();

 private:
  struct Armed {
    base::SteadyTime time;
    std::function<void()> call;
  };

  base::Now now_{.steady = base::SteadyTime(base::Millis(1'000'000)),
                 .wall = base::WallTime(base::Millis(1'772'000'000'000))};
  Id last_ = 0;
  std::map<Id, Armed> armed_;
  std::deque<std::function<void()>> posted_;
};

// The data path: requests that enter and leave by hand, drained as the real one drains.
class FakeWorkers final : public control::Workers {
 public:
  explicit FakeWorkers(FakeAlarms& alarms) : alarms_(alarms) {}

  struct Kind {
    core::RequestClass request_class = core::RequestClass::write;
    bool exempt = false;
    bool read_tunnel = false;
    bool stubborn = false;         // a cut does not end it at once
    std::string_view tenant = {};  // its X-Tenant
    std::optional<core::ServerId> server = {};
  };
  // Admits a request under the snapshot that is current.
  std::string enter(const std::string& site, Kind kind);
  void leave(const std::string& request_id);
  // Likewise, but without its server's answer.
  void leave_unanswered(const std::string& request_id);
  bool is_open(const std::string& request_id) const { return open_.contains(request_id); }
  std::size_t open_count() const { return open_.size(); }
  std::size_t open_writes(const std::string& site) const;

  // Holds fences back, as a worker busy with one long step does.
  void hold_fences() { fences_held_ = true; }
  void release_fences();
  std::optional<base::SteadyTime> passed_at;  // when workers pass a fence, if not when it is told

  const core::Snapshot* snapshot() const { return snapshot_; }
  std::uint64_t oldest_epoch_in_use() const;
  std::vector<std::uint64_t> unused_reported;
  base::Millis last_tunnel_spread{};
  core::DrainScope last_scope;

  void publish(const core::Snapshot* snapshot) override;
  void fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread,
             DrainEvents events) override;
  void list_open(std::uint64_t drain_id, Listing done) override;
  void cut(std::uint64_t drain_id, bool tunnels_only, Listing done) override;
  void forget(std::uint64_t drain_id) override;
  void load(std::vector<core::SiteId>, std::function<void(std::vector<SiteLoad>)> done) override {
    alarms_.post([this, done = std::move(done)] { done({parked}); });
  }
  SiteLoad parked;              // what load() tells
  core::UnknownWrites earlier;  // what each fence tells
  void on_unused(std::function<void(std::uint64_t)> listener) override { unused_ = std::move(listener); }

 private:
  struct Request {
    core::OpenRequest shown;
    core::SiteId site = 0;
    std::uint64_t epoch = 0;
    core::PoolId pool = 0;
    Kind kind;
    std::uint64_t cut_by = 0;
  };
  struct Watch {
    core::DrainScope scope;
    DrainEvents events;
    core::ClassCounts ended;
  };

  static core::Placement::Found place(const core::Placement& placement, std::string_view tenant);
  static bool meant(const core::DrainScope& scope, const Request& request);
  OpenList left(const core::DrainScope& scope, std::uint64_t not_cut_by) const;
  void pass_fence(std::uint64_t drain_id);
  void report();

  FakeAlarms& alarms_;
  const core::Snapshot* snapshot_ = nullptr;
  std::map<std::string, Request> open_;
  std::map<std::uint64_t, Watch> watches_;
  std::function<void(std::uint64_t)> unused_;
  bool tells_ = false;  // inside a callback of DrainEvents
  bool fences_held_ = false;
  std::vector<std::function<void()>> held_;
  std::uint64_t last_request_ = 0;
};

inline constexpr FakeWorkers::Kind a_read{.request_class = core::RequestClass::read};
inline constexpr FakeWorkers::Kind a_write{.request_class = core::RequestClass::write};
inline constexpr FakeWorkers::Kind a_tunnel{.request_class = core::RequestClass::tunnel};

}  // namespace drawbridge::tests
