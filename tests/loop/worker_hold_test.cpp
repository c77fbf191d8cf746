#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::WorkerBench;

namespace {

std::uint64_t parked(WorkerBench& bench) {
  return bench.ask<std::uint64_t>([](serve::Worker& worker) { return worker.parking().load(0).waiting; });
}

void wait_for_parked(WorkerBench& bench, std::uint64_t count) {
  while (parked(bench) != count) std::this_thread::yield();
}

}  // namespace

TEST_CASE("a client that goes away while its hold ends is never sent") {
  WorkerBench bench;
  bench.hold_all();
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  wait_for_parked(bench, 1);
  bench.publish_live();
  visitor->give_up();
  wait_for_parked(bench, 0);
  CHECK(bench.server().nobody_came());
}

TEST_CASE("over HTTP/1 a client that only sends no more is told so, and is never sent either") {
  WorkerBench bench;
  bench.hold_all();
  bench.start();
  auto client = bench.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  wait_for_parked(bench, 1);
  bench.publish_live();
  client.finish_sending();
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 503 "));
  client.read_to_end();
  CHECK(bench.server().nobody_came());
}

TEST_CASE("a shutdown while a hold ends refuses who still waits, and says that nothing was processed") {
  WorkerBench bench;
  bench.hold_all();
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  wait_for_parked(bench, 1);
  bench.publish_live();
  bench.begin_shutdown();
  const auto answer = visitor->answer();
  CHECK(answer.status == 503);
  CHECK(answer.not_processed());
  visitor->check_end();
  CHECK(bench.server().nobody_came());
  bench.join();
}
