#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

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

TEST_CASE("who is let go and meets the next hold at once keeps the place of his arrival") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.site().hold.release_per_second = 10;
  bench.start();
  auto first = bench.visitor();
  first->post("x", "/first");
  bench.wait_for_parked(1);
  auto second = bench.visitor();
  second->post("y", "/second");
  bench.wait_for_parked(2);
  bench.blink();
  bench.wait_for_parked(2);
  bench.publish_live();
  bench.ask<int>([](serve::Worker& worker) {
    worker.parking().review(worker.snapshot());
    return 0;
  });
  CHECK(bench.server().accept().read_until("\r\n\r\n").find("/first") != std::string::npos);
}
