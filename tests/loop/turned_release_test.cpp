// Who goes on when a hold ends, and when, at workers whose turns and whose time are in our hands.
#include "pages/answers.h"
#include "tests/loop/turned_worker.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <memory>

using namespace drawbridge;
using namespace std::chrono_literals;
using tests::RawSocket;
using tests::small_request;
using tests::TurnedWorkers;

namespace {

std::unique_ptr<core::Snapshot> make_snapshot(std::uint64_t epoch, core::ModeState mode) {
  auto snapshot = std::make_unique<core::Snapshot>();
  snapshot->epoch = epoch;
  snapshot->pools.push_back(std::make_unique<core::PoolView>());
  auto site = std::make_unique<core::SiteView>();
  site->name = "web";
  site->pool = snapshot->pools.front().get();
  site->hold.release_per_second = 10'000;
  site->mode = std::move(mode);
  if (site->mode.mode != core::Mode::live)
    site->answers = pages::make_mode_answers({.site = site->name, .mode = site->mode}, nullptr);
  snapshot->sites.push_back(std::move(site));
  snapshot->routes = core::RouteTable({{.hosts = {}, .paths = {"/"}}});
  return snapshot;
}

// Two workers with one site, which is held at first. Its pool has no server: who goes on is told so by ourselves.
struct HeldHouse {
  std::unique_ptr<core::Snapshot> held =
      make_snapshot(2, {.mode = core::Mode::hold, .scope = core::HoldScope::all});
  std::unique_ptr<core::Snapshot> live = make_snapshot(3, {.mode = core::Mode::live});
  TurnedWorkers workers{2};
  std::deque<RawSocket> clients;

  HeldHouse() {
    workers.shared().published = held.get();
    for (std::size_t i = 0; i < 2; ++i) hear(i);
  }
  // A worker is told what was published.
  void hear(std::size_t worker) {
    auto& told = workers.worker(worker);
    told.ledger().published(told.snapshot());
    told.parking().review(told.snapshot());
    workers.settle();
  }
  void come(std::size_t worker) {
    clients.push_back(workers.connect(worker));
    clients.back().send(small_request);
    workers.settle();
    REQUIRE(waiting(worker) == 1);
  }
  std::uint64_t waiting(std::size_t worker) { return workers.worker(worker).parking().load(0).waiting; }
};

}  // namespace

TEST_CASE("nobody is let go before every worker has heard of the end of the hold, and then all that may, at once") {
  HeldHouse house;
  house.come(0);
  house.come(1);
  house.workers.shared().published = house.live.get();
  house.hear(1);
  house.workers.pass(100ms);
  CHECK(house.waiting(0) == 1);
  CHECK(house.waiting(1) == 1);
  house.hear(0);
  CHECK(house.waiting(0) == 0);
  CHECK(house.waiting(1) == 0);
  for (auto& client : house.clients) CHECK(tests::heard(client).starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a worker where nobody waits lets those of others go when it is the last to hear") {
  HeldHouse house;
  house.come(0);
  house.workers.shared().published = house.live.get();
  house.hear(0);
  CHECK(house.waiting(0) == 1);
  house.hear(1);
  CHECK(house.waiting(0) == 0);
}
