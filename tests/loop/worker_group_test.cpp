#include "proxy/serve/worker_group.h"

#include "tests/loop/raw_socket.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <linux/capability.h>
#include <mutex>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;
using tests::RawSocket;

namespace {

// The control thread's queue, turned by the test.
class Control {
 public:
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    arrived_.notify_one();
  }
  // Runs what comes until `done`; false if that takes too long.
  bool turn_until(const std::function<bool()>& done) {
    while (!done()) {
      std::unique_lock lock(mutex_);
      if (!arrived_.wait_for(lock, 5s, [&] { return !queue_.empty(); })) return false;
      auto work = std::exchange(queue_, {});
      lock.unlock();
      for (auto& one : work) one();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::function<void()>> queue_;
};

struct Group {
  Control control;
  base::EventLog events{false};
  upstream::HealthBoard board;
  obs::Registry registry{2};
  std::unique_ptr<obs::AccessLog> log = std::move(*obs::AccessLog::open({}, 2, events));
  serve::Shared shared{board, registry, *log, events};
  core::Snapshot snapshot;
  std::optional<serve::WorkerGroup> workers;
  std::uint16_t port = 0;
  bool stopped = false;

  Group() {
    shared.workers = 2;
    shared.to_control = [this](std::function<void()> work) { control.post(std::move(work)); };
    snapshot.epoch = 1;
    add_site();
    workers.emplace(shared);
    const auto bound = workers->listen({{.address = "127.0.0.1:0"}});
    REQUIRE(bound.has_value());
    port = net::parse_endpoint(bound->addresses.front())->port();
    workers->publish(&snapshot);
    workers->start();
  }
  // Of a server whose address is never told: requests wait for it, and are in flight.
  void add_site() {
    snapshot.pools.push_back(std::make_unique<core::PoolView>());
    snapshot.pools.front()->servers.push_back({.id = 0, .address = "127.0.0.1:1"});
    snapshot.pools.front()->timing.connect = base::Millis(60'000);
    snapshot.sites.push_back(std::make_unique<core::SiteView>());
    snapshot.sites.front()->pool = snapshot.pools.front().get();
    snapshot.routes = core::RouteTable({{.hosts = {}, .paths = {"/"}}});
  }
  std::uint64_t in_flight() {
    std::optional<std::uint64_t> count;
    workers->load({0}, [&](const auto& loads) { count = loads.front().in_flight.total(); });
    REQUIRE(control.turn_until([&] { return count.has_value(); }));
    return *count;
  }
  std::uint64_t accepted_by(std::size_t worker) { return registry.worker(worker).connections_accepted.value(); }
  void shut_down() {
    workers->shut_down({}, [this] { stopped = true; });
  }
  bool answers() {
    bool answered = false;
    workers->load({0}, [&](const auto& loads) { answered = loads.size() == 1; });
    return control.turn_until([&] { return answered; });
  }
};

int own_nice() {
  return ::getpriority(PRIO_PROCESS, 0);  // of this thread alone
}

std::vector<int> nice_of_workers() {
  std::vector<int> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    const auto id = static_cast<id_t>(std::stoul(task.path().filename()));
    if (name == "worker") found.push_back(::getpriority(PRIO_PROCESS, id));
  }
  return found;
}

// This thread, and who it starts, may not go before others any more.
void renounce_precedence() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  ::syscall(SYS_capget, &header, data);
  data[0].effective &= ~(1U << CAP_SYS_NICE);
  ::syscall(SYS_capset, &header, data);
}

// Tried by a thread that ends with it.
bool may_go_before_others() {
  bool may = false;
  std::thread([&] { may = ::setpriority(PRIO_PROCESS, 0, own_nice() - 10) == 0; }).join();
  return may;
}

}  // namespace

TEST_CASE("the control thread goes before its workers where it may, and does its work where it may not") {
  for (const bool renounces : {false, true}) {
    CAPTURE(renounces);
    std::thread control([&] {
      if (renounces) renounce_precedence();
      const int nice = own_nice();
      const int wanted = may_go_before_others() ? std::max(nice - 10, -20) : nice;
      Group group;
      CHECK(own_nice() == wanted);
      CHECK(group.answers());
      CHECK(nice_of_workers() == std::vector<int>(2, nice));
      group.shut_down();
      CHECK(group.control.turn_until([&] { return group.stopped; }));
    });
    control.join();
  }
}

TEST_CASE("a question is answered though one worker has ended at shutdown and another is still busy") {
  Group group;
  auto client = RawSocket::connect(group.port);
  client.send("GET / HT");  // a request that keeps its worker busy
  group.shut_down();
  for (int i = 0; i < 200; ++i) REQUIRE(group.answers());
  CHECK_FALSE(group.stopped);
  client.close();
  CHECK(group.control.turn_until([&] { return group.stopped; }));
}

TEST_CASE("a fence and its drain are told though workers have ended") {
  Group group;
  auto client = RawSocket::connect(group.port);
  client.send("GET / HT");
  group.shut_down();
  bool drained = false;
  std::optional<base::SteadyTime> fenced;
  const auto begun = base::SteadyClock::now();
  const core::DrainScope scope{
      .epoch = 2, .sites = {0}, .classes = core::ClassMask{}.with(core::RequestClass::write)};
  group.workers->fence(1, scope, base::Millis(0),
                       {.fenced = [&](const auto&, auto passed) { fenced = passed; },
                        .unknown = {},
                        .drained = [&](const auto&) { drained = true; }});
  CHECK(group.control.turn_until([&] { return fenced && drained; }));
  CHECK(*fenced >= begun);
  CHECK(*fenced <= base::SteadyClock::now());
  client.close();
  CHECK(group.control.turn_until([&] { return group.stopped; }));
}

TEST_CASE("the oldest request of a process is the oldest of all its workers") {
  Group group;
  std::vector<RawSocket> clients;
  base::SteadyTime first_is_here;
  while (group.accepted_by(0) == 0 || group.accepted_by(1) == 0) {
    REQUIRE(clients.size() < 100);  // the kernel spreads them
    clients.push_back(RawSocket::connect(group.port));
    clients.back().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (group.in_flight() < clients.size()) std::this_thread::yield();
    if (clients.size() == 1) first_is_here = base::SteadyClock::now();
  }
  std::optional<std::optional<base::SteadyTime>> oldest;
  group.workers->oldest_request([&](auto found) { oldest = found; });
  REQUIRE(group.control.turn_until([&] { return oldest.has_value(); }));
  REQUIRE(oldest->has_value());
  CHECK(**oldest <= first_is_here);
  group.shut_down();
  group.workers->end_all();
  CHECK(group.control.turn_until([&] { return group.stopped; }));
}
