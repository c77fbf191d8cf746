#include "tests/unit/control_fakes.h"

#include "proxy/core/readings.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace drawbridge::tests {

FakeAlarms::Id FakeAlarms::at(base::SteadyTime time, std::function<void()> call) {
  armed_[++last_] = {time, std::move(call)};
  return last_;
}

void FakeAlarms::settle() {
  for (int calls = 0;; ++calls) {
    if (calls > 100'000) throw std::runtime_error("the control thread never comes to rest");
    const auto due = std::ranges::find_if(armed_, [&](const auto& one) { return one.second.time <= now_.steady; });
    if (posted_.empty() && due == armed_.end()) return;
    std::function<void()> call;
    if (!posted_.empty()) {
      call = std::move(posted_.front());
      posted_.pop_front();
    } else {
      call = std::move(due->second.call);
      armed_.erase(due);
    }
    call();
  }
}

void FakeAlarms::advance(base::Millis time) {
  const auto end = now_.steady + time;
  settle();
  while (!armed_.empty()) {
    const auto next =
        std::ranges::min_element(armed_, {}, [](const auto& one) { return one.second.time; })->second.time;
    if (next > end) break;
    now_.wall += std::chrono::duration_cast<base::Millis>(next - now_.steady);
    now_.steady = next;
    settle();
  }
  now_.wall += std::chrono::duration_cast<base::Millis>(end - now_.steady);
  now_.steady = end;
}

void FakeAlarms::forget_all() {
  armed_.clear();
  posted_.clear();
}

void FakeAlarms::reboot(base::Millis down) {
  forget_all();
  now_.steady = base::SteadyTime(base::Millis(5'000));
  now_.wall += down;
}

std::string FakeWorkers::enter(const std::string& site, Kind kind) {
  const auto view =
      std::ranges::find(snapshot_->sites, site, [](const auto& one) -> const std::string& { return one->name; });
  if (view == snapshot_->sites.end()) throw std::runtime_error("no site " + site);
  Request request;
  request.shown.request_id = "r" + std::to_string(++last_request_);
  request.shown.site = site;
  request.shown.request_class = kind.request_class;
  request.site = (*view)->id;
  request.epoch = snapshot_->epoch;
  request.kind = kind;
  request.pool = (*view)->pool->id;
  if ((*view)->split) request.pool = place(*(*view)->split->now, kind.tenant).pool;
  const auto id = request.shown.request_id;
  open_[id] = std::move(request);
  return id;
}

void FakeWorkers::leave(const std::string& request_id) {
  const auto found = open_.find(request_id);
  if (found == open_.end()) return;
  for (auto& [id, watch] : watches_) {
    if (meant(watch.scope, found->second)) ++watch.ended[found->second.kind.request_class];
  }
  open_.erase(found);
  report();
}

void FakeWorkers::leave_unanswered(const std::string& request_id) {
  const auto& request = open_.at(request_id);
  for (auto& [id, watch] : watches_) {
    if (meant(watch.scope, request)) watch.events.unknown(request.shown);
  }
  leave(request_id);
}

std::size_t FakeWorkers::open_writes(const std::string& site) const {
  return static_cast<std::size_t>(std::ranges::count_if(open_, [&](const auto& one) {
    return one.second.shown.site == site && one.second.kind.request_class == core::RequestClass::write;
  }));
}

core::Placement::Found FakeWorkers::place(const core::Placement& placement, std::string_view tenant) {
  http::HeaderList headers;
  if (!tenant.empty()) headers.add({.name = "X-Tenant", .value = tenant});
  return placement.find({.headers = &headers}, core::Readings("/"));
}

bool FakeWorkers::meant(const core::DrainScope& scope, const Request& request) {
  const bool stays = scope.moved_by && place(*scope.moved_by, request.kind.tenant).pool == request.pool;
  const bool elsewhere = scope.at_server && scope.at_server != request.kind.server;
  return !stays && !elsewhere && request.epoch < scope.epoch && (scope.exempt_too || !request.kind.exempt) &&
         scope.classes.has(request.kind.request_class) && !(scope.spare_read_tunnels && request.kind.read_tunnel) &&
         std::ranges::find(scope.sites, request.site) != scope.sites.end();
}

control::Workers::OpenList FakeWorkers::left(const core::DrainScope& scope, std::uint64_t not_cut_by) const {
  OpenList list;
  for (const auto& [id, request] : open_) {
    if (!meant(scope, request) || (not_cut_by != 0 && request.cut_by == not_cut_by)) continue;
    ++list.counts[request.kind.request_class];
    list.requests.push_back(request.shown);
  }
  return list;
}

std::uint64_t FakeWorkers::oldest_epoch_in_use() const {
  auto oldest = snapshot_->epoch;
  for (const auto& [id, request] : open_) oldest = std::min(oldest, request.epoch);
  return oldest;
}

void FakeWorkers::publish(const core::Snapshot* snapshot) {
  snapshot_ = snapshot;
  report();
}

void FakeWorkers::fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread,
                        DrainEvents events) {
  last_tunnel_spread = tunnel_spread;
  last_scope = scope;
  watches_[drain_id] = {std::move(scope), std::move(events), {}};
  const auto pass = [this, drain_id] { pass_fence(drain_id); };
  if (fences_held_) {
    held_.push_back(pass);
  } else {
    alarms_.post(pass);
  }
}

void FakeWorkers::release_fences() {
  fences_held_ = false;
  for (auto& pass : held_) alarms_.post(std::move(pass));
  held_.clear();
}

void FakeWorkers::pass_fence(std::uint64_t drain_id) {
  const auto found = watches_.find(drain_id);
  if (found == watches_.end()) return;
  tells_ = true;
  found->second.events.earlier(earlier);
  found->second.events.fenced(left(found->second.scope, 0).counts, passed_at.value_or(alarms_.now().steady));
  tells_ = false;
  const auto still = watches_.find(drain_id);
  if (still == watches_.end()) return;
  still->second.events.fenced = nullptr;
  report();
}

// As a worker does: tells each drain that has nothing left, and which snapshots nobody reads any more.
void FakeWorkers::report() {
  for (auto watch = watches_.begin(); watch != watches_.end();) {
    const bool is_fenced = watch->second.events.fenced == nullptr;
    if (!is_fenced || left(watch->second.scope, 0).counts.total() > 0) {
      ++watch;
      continue;
    }
    alarms_.post(
        [drained = std::move(watch->second.events.drained), ended = watch->second.ended] { drained(ended); });
    watch = watches_.erase(watch);
  }
  const auto oldest = oldest_epoch_in_use();
  alarms_.post([this, oldest] {
    unused_reported.push_back(oldest);
    if (unused_) unused_(oldest);
  });
}

void FakeWorkers::forget(std::uint64_t drain_id) {
  if (tells_) throw std::logic_error("forget() inside a callback");
  watches_.erase(drain_id);
}

void FakeWorkers::list_open(std::uint64_t drain_id, Listing done) {
  alarms_.post([this, drain_id, done = std::move(done)] {
    const auto found = watches_.find(drain_id);
    done(found == watches_.end() ? OpenList{} : left(found->second.scope, drain_id));
  });
}

void FakeWorkers::cut(std::uint64_t drain_id, bool tunnels_only, Listing done) {
  alarms_.post([this, drain_id, tunnels_only, done = std::move(done)] {
    const auto found = watches_.find(drain_id);
    if (found == watches_.end()) return done({});
    auto scope = found->second.scope;
    if (tunnels_only) scope.classes = core::ClassMask{}.with(core::RequestClass::tunnel);
    const auto list = left(scope, drain_id);
    for (const auto& request : list.requests) {
      auto& one = open_.at(request.request_id);
      one.cut_by = drain_id;
      if (!one.kind.stubborn) leave(request.request_id);
    }
    done(list);
  });
}

}  // namespace drawbridge::tests
