#include "proxy/serve/worker_group.h"

#include "proxy/base/check.h"
#include "proxy/net/listener.h"
#include "proxy/net/listening_set.h"

#include <algorithm>
#include <cerrno>
#include <pthread.h>
#include <sys/resource.h>
#include <utility>

namespace drawbridge::serve {
namespace {

constexpr std::size_t oldest_writes_max = 5;
constexpr int control_precedence = 10;

void by_age(std::vector<core::OpenRequest>& requests, std::size_t count_max) {
  std::sort(requests.begin(), requests.end(), [](const auto& a, const auto& b) { return a.age > b.age; });
  if (requests.size() > count_max) requests.resize(count_max);
}

// Of the control thread, which works briefly. Where workers have every core it would wait behind one of them for up
// to a tick of the scheduler (4 ms) each time it has something to say or to hear, and a flip with it. Who may not
// ask for it goes without.
void take_precedence() {
  errno = 0;
  const int nice = ::getpriority(PRIO_PROCESS, 0);  // of this thread alone
  if (errno == 0) ::setpriority(PRIO_PROCESS, 0, nice - control_precedence);
}

core::OpenList join(std::vector<core::OpenList> parts) {
  core::OpenList all;
  for (auto& part : parts) {
    all.counts += part.counts;
    all.untouched += part.untouched;
    std::move(part.requests.begin(), part.requests.end(), std::back_inserter(all.requests));
  }
  by_age(all.requests, base::limits::listed_requests_max);
  return all;
}

using SocketsByAddress = std::map<std::string, std::vector<net::HandedSocket>>;

bool is_beside(const SocketsByAddress& handed, const std::string& address) {
  return std::ranges::any_of(handed, [&](const auto& set) { return net::overlap(set.first, address); });
}

WorkerGroup::SiteLoad load_of(Worker& worker, core::SiteId site) {
  const auto now = worker.loop().now();
  auto& ledger = worker.ledger();
  WorkerGroup::SiteLoad load{.site = site, .in_flight = ledger.in_flight(site)};
  const auto parked = worker.parking().load(site);
  load.parked = parked.waiting;
  load.oldest_parked = parked.oldest;
  load.hold = parked.account;
  load.unknown_writes = ledger.unknown_writes({site}, now);
  load.oldest_writes = ledger.oldest(site, core::RequestClass::write, now, oldest_writes_max);
  return load;
}

}  // namespace

WorkerGroup::WorkerGroup(Shared& shared) : shared_(shared), ended_(shared.workers), ended_epochs_(shared.workers) {
  shared_.drained = [this](std::size_t, std::uint64_t drain_id, const core::ClassCounts& ended) {
    shared_.to_control([this, drain_id, ended] { worker_drained(drain_id, ended); });
  };
  shared_.ended_unknown = [this](std::uint64_t drain_id, const core::OpenRequest& request) {
    shared_.to_control([this, drain_id, request] { worker_ended_unknown(drain_id, request); });
  };
  shared_.epochs_ended = [this](std::size_t worker, std::uint64_t epoch) {
    shared_.to_control([this, worker, epoch] { worker_ended_epochs(worker, epoch); });
  };
  shared_.places_wanted = [this] {
    shared_.to_control([this] {
      for (auto& worker : workers_) post(*worker, [&worker = *worker] { worker.make_room(); });
    });
  };
  for (std::size_t i = 0; i < shared.workers; ++i) workers_.push_back(std::make_unique<Worker>(shared, i));
}

WorkerGroup::~WorkerGroup() {
  for (auto& thread : threads_) thread.join();
}

base::Expected<WorkerGroup::Listening> WorkerGroup::listen(const std::vector<Door>& doors,
                                                           std::vector<net::HandedSocket> handed, bool may_add) {
  SocketsByAddress by_address;
  for (auto& socket : handed) by_address[socket.address].push_back(std::move(socket));
  // An address that was handed over is ours, and would be in the way of its neighbours.
  for (const auto& door : doors) {
    if (is_beside(by_address, net::canonical_address(door.address))) continue;
    if (auto vacant = net::check_vacant(door.address); !vacant) return std::unexpected(vacant.error());
  }
  Listening listening;
  for (const auto& door : doors) {
    auto set = net::open_listening_set(door.address, workers_.size(),
                                       std::move(by_address[net::canonical_address(door.address)]), may_add);
    if (!set) return std::unexpected(set.error());
    listening.addresses.push_back(set->address);
    listening.opened.insert(listening.opened.end(), set->opened.begin(), set->opened.end());
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->listen(std::move(set->of_worker[i]), door);
  }
  return listening;
}

void WorkerGroup::speak(std::size_t door, const std::shared_ptr<const net::TlsServer>& tls) {
  for (auto& worker : workers_) post(*worker, [&worker = *worker, door, tls] { worker.speak(door, tls); });
}

void WorkerGroup::start() {
  DRAWBRIDGE_CHECK(shared_.published.load() != nullptr);
  running_ = workers_.size();
  for (auto& worker : workers_) {
    threads_.emplace_back([this, &worker = *worker] {
      pthread_setname_np(pthread_self(), "worker");
      worker.run();
      shared_.to_control([this, &worker] { worker_ended(worker); });
    });
  }
  take_precedence();
}

void WorkerGroup::worker_ended(Worker& worker) {
  ended_[worker.index()] = true;
  worker.run_posted();
  if (--running_ == 0 && stopped_) stopped_();
}

// A worker that has ended at shutdown before the others does its part of the answer here: nobody waits in vain.
void WorkerGroup::post(Worker& worker, std::function<void()> work) {
  worker.post(std::move(work));
  if (ended_[worker.index()]) worker.run_posted();
}

void WorkerGroup::shut_down(const Parting& parting, std::function<void()> done) {
  stopped_ = std::move(done);
  for (auto& worker : workers_) post(*worker, [&worker = *worker, parting] { worker.begin_shutdown(parting); });
}

void WorkerGroup::end_old(base::SteadyTime before) {
  for (auto& worker : workers_) post(*worker, [&worker = *worker, before] { worker.end_old(before); });
}

void WorkerGroup::end_all() {
  for (auto& worker : workers_) post(*worker, [&worker = *worker] { worker.end_all(); });
}

void WorkerGroup::publish(const core::Snapshot* snapshot) {
  shared_.published.store(snapshot, std::memory_order_release);
  for (auto& worker : workers_) {
    post(*worker, [&worker = *worker] {
      worker.ledger().published(worker.snapshot());
      worker.servers().keep_only(core::pools_in_use(worker.snapshot()));
      worker.parking().review(worker.snapshot());
    });
  }
}

void WorkerGroup::set_addresses(core::ServerId server, const std::optional<upstream::EndpointSlots>& slots) {
  for (auto& worker : workers_) {
    post(*worker, [&worker = *worker, server, slots] { worker.servers().set_addresses(server, slots); });
  }
}

void WorkerGroup::fence(std::uint64_t drain_id, core::DrainScope scope, base::Millis tunnel_spread,
                        DrainEvents events) {
  drains_[drain_id] = {.unfenced = workers_.size(),
                       .undrained = workers_.size(),
                       .open = {},
                       .ended = {},
                       .earlier = {},
                       .passed = {},
                       .events = std::move(events)};
  for (auto& worker : workers_) {
    post(*worker, [this, &worker = *worker, drain_id, scope, tunnel_spread] {
      auto earlier = worker.ledger().unknown_writes(scope.sites, worker.loop().now());
      const auto open = worker.ledger().fence(drain_id, scope);
      worker.ledger().tell_tunnels(drain_id, worker.loop().now(), tunnel_spread);
      const auto passed = base::SteadyClock::now();
      shared_.to_control([this, drain_id, open, passed, earlier = std::move(earlier)]() mutable {
        worker_fenced(drain_id, open, std::move(earlier), passed);
      });
    });
  }
}

void WorkerGroup::worker_fenced(std::uint64_t drain_id, const core::ClassCounts& open, core::UnknownWrites earlier,
                                base::SteadyTime passed) {
  const auto found = drains_.find(drain_id);
  if (found == drains_.end()) return;
  auto& drain = found->second;
  drain.open += open;
  drain.earlier += std::move(earlier);
  drain.passed = std::max(drain.passed, passed);
  --drain.unfenced;
  if (drain.unfenced == 0 && drain.events.earlier) drain.events.earlier(drain.earlier);
  if (drain.unfenced == 0 && drain.events.fenced) drain.events.fenced(drain.open, drain.passed);
  drain_progress(drain_id);
}

void WorkerGroup::worker_ended_unknown(std::uint64_t drain_id, const core::OpenRequest& request) {
  const auto found = drains_.find(drain_id);
  if (found != drains_.end() && found->second.events.unknown) found->second.events.unknown(request);
}

void WorkerGroup::worker_drained(std::uint64_t drain_id, const core::ClassCounts& ended) {
  const auto found = drains_.find(drain_id);
  if (found == drains_.end()) return;
  found->second.ended += ended;
  --found->second.undrained;
  drain_progress(drain_id);
}

// A worker with nothing in flight has drained before its word that it passed the fence is here.
void WorkerGroup::drain_progress(std::uint64_t drain_id) {
  const auto found = drains_.find(drain_id);
  if (found == drains_.end() || found->second.unfenced > 0 || found->second.undrained > 0) return;
  const auto drain = std::move(found->second);
  drains_.erase(found);
  if (drain.events.drained) drain.events.drained(drain.ended);
}

void WorkerGroup::worker_ended_epochs(std::size_t worker, std::uint64_t epoch) {
  ended_epochs_[worker] = epoch;
  const auto lowest = *std::min_element(ended_epochs_.begin(), ended_epochs_.end());
  if (lowest <= unused_below_) return;
  unused_below_ = lowest;
  if (unused_) unused_(lowest);
}

template <class T>
void WorkerGroup::gather(std::function<T(Worker&)> ask, std::function<void(std::vector<T>)> done) {
  struct Collected {
    std::vector<T> answers;
    std::size_t left = 0;
    std::function<void(std::vector<T>)> done;
  };
  // Shared by the messages on their way; only the control thread looks inside.
  auto collected = std::make_shared<Collected>();
  collected->left = workers_.size();
  collected->done = std::move(done);
  for (auto& worker : workers_) {
    post(*worker, [this, &worker = *worker, ask, collected] {
      shared_.to_control([collected, answer = ask(worker)]() mutable {
        collected->answers.push_back(std::move(answer));
        if (--collected->left == 0) collected->done(std::move(collected->answers));
      });
    });
  }
}

void WorkerGroup::list_open(std::uint64_t drain_id, Listing done) {
  gather<core::OpenList>(
      [drain_id](Worker& worker) { return worker.ledger().outstanding(drain_id, worker.loop().now()); },
      [done = std::move(done)](auto parts) { done(join(std::move(parts))); });
}

void WorkerGroup::cut(std::uint64_t drain_id, bool tunnels_only, Listing done) {
  gather<core::OpenList>(
      [drain_id, tunnels_only](Worker& worker) {
        return worker.ledger().cut(drain_id, worker.loop().now(), tunnels_only);
      },
      [done = std::move(done)](auto parts) { done(join(std::move(parts))); });
}

void WorkerGroup::forget(std::uint64_t drain_id) {
  drains_.erase(drain_id);
  for (auto& worker : workers_) post(*worker, [&worker = *worker, drain_id] { worker.ledger().forget(drain_id); });
}

void WorkerGroup::oldest_request(std::function<void(std::optional<base::SteadyTime>)> done) {
  gather<std::optional<base::SteadyTime>>([](Worker& worker) { return worker.ledger().oldest_request(); },
                                          [done = std::move(done)](auto parts) {
                                            std::optional<base::SteadyTime> oldest;
                                            for (const auto& part : parts) {
                                              if (part && (!oldest || *part < *oldest)) oldest = part;
                                            }
                                            done(oldest);
                                          });
}

void WorkerGroup::load(std::vector<core::SiteId> sites, std::function<void(std::vector<SiteLoad>)> done) {
  gather<std::vector<SiteLoad>>(
      [sites](Worker& worker) {
        std::vector<SiteLoad> loads;
        for (const auto site : sites) loads.push_back(load_of(worker, site));
        return loads;
      },
      [done = std::move(done)](std::vector<std::vector<SiteLoad>> parts) {
        auto total = std::move(parts.front());
        for (std::size_t part = 1; part < parts.size(); ++part) {
          for (std::size_t i = 0; i < total.size(); ++i) {
            total[i].in_flight += parts[part][i].in_flight;
            total[i].parked += parts[part][i].parked;
            total[i].oldest_parked = std::max(total[i].oldest_parked, parts[part][i].oldest_parked);
            total[i].hold += parts[part][i].hold;
            total[i].unknown_writes += std::move(parts[part][i].unknown_writes);
            std::move(parts[part][i].oldest_writes.begin(), parts[part][i].oldest_writes.end(),
                      std::back_inserter(total[i].oldest_writes));
          }
        }
        for (auto& load : total) by_age(load.oldest_writes, oldest_writes_max);
        done(std::move(total));
      });
}

}  // namespace drawbridge::serve
