#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace drawbridge;
using tests::WorkerBench;

TEST_CASE("a client that goes away while its hold ends is never sent") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  bench.wait_for_parked(1);
  bench.publish_live();
  visitor->give_up();
  bench.wait_for_parked(0);
  CHECK(bench.server().nobody_came());
}

TEST_CASE("a client that goes away while it waits leaves its place at once") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.start();
  auto first = bench.visitor();
  first->post("x");
  bench.wait_for_parked(1);
  auto second = bench.visitor();
  second->post("y", "/second");
  bench.wait_for_parked(2);
  first->give_up();
  bench.wait_for_parked(1);
  CHECK(second->quiet_for(20));
  second->give_up();
  bench.wait_for_parked(0);
  CHECK(bench.in_flight().total() == 0);
}

TEST_CASE("a shutdown while a hold ends refuses who still waits, and says that nothing was processed") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  bench.wait_for_parked(1);
  bench.publish_live();
  bench.begin_shutdown();
  const auto answer = visitor->answer();
  CHECK(answer.status == 503);
  CHECK(answer.not_processed());
  visitor->check_end();
  CHECK(bench.server().nobody_came());
  bench.join();
}

TEST_CASE("a request waits as long as it may and no longer, however often its hold ends and begins anew") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.site().hold.wait_max = base::Millis(300);
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  bench.wait_for_parked(1);
  const auto end = base::SteadyClock::now() + std::chrono::seconds(10);
  while (visitor->quiet_for(20) && base::SteadyClock::now() < end) bench.blink();
  CHECK(visitor->answer().status == 503);
  CHECK(base::SteadyClock::now() < end);
}

TEST_CASE("of several workers each lets its part of those go on that may in a second") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.site().hold.release_per_second = 40;
  bench.of_workers(4);
  bench.start();
  std::vector<std::unique_ptr<tests::Visitor>> visitors;
  for (std::uint64_t i = 1; i <= 6; ++i) {
    visitors.push_back(bench.visitor());
    visitors.back()->post("x");
    bench.wait_for_parked(i);
  }
  const auto begun = base::SteadyClock::now();
  bench.publish_live();
  bench.ask<int>([](serve::Worker& worker) {
    worker.parking().review(worker.snapshot());
    return 0;
  });
  bench.wait_for_parked(0);
  CHECK(base::SteadyClock::now() - begun >= std::chrono::milliseconds(500));  // ten in a second, the first at once
}
