#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::ok;
using tests::WorkerBench;

TEST_CASE("an address that has all its connections gets no further one until one ends") {
  WorkerBench bench;
  bench.census().set_limits(1'000, 2);
  bench.start();
  auto first = bench.newcomer();
  auto second = bench.newcomer();
  auto third = bench.newcomer();
  third.read_to_end();
  CHECK(second.quiet_for(0));
  first.finish_sending();
  first.read_to_end();
  auto fourth = bench.visitor();
  bench.serve_one(*fourth);
}

TEST_CASE("beyond the connections of the process a client waits and is served when another has gone") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto first = bench.visitor();
  first->get();
  auto server = bench.take_request();
  auto second = bench.arrival();
  second->get("/second");
  CHECK(second->quiet_for(150));
  server.send(ok);
  CHECK(first->answer().body == "ok");
  first->close();
  second->come_in();
  CHECK(server.read_until("\r\n\r\n").starts_with("GET /second "));
  server.send(ok);
  CHECK(second->answer().body == "ok");
}

TEST_CASE("a server's bound on connections refuses what is above it and says that nothing was processed") {
  WorkerBench bench;
  bench.pool().servers.front().max_connections = 1;
  bench.start();
  auto first = bench.visitor();
  first->get();
  auto server = bench.take_request();
  auto second = bench.visitor();
  second->get();
  const auto refused = second->answer();
  CHECK(refused.status == 503);
  CHECK(refused.not_processed());
  server.send(ok);
  CHECK(first->answer().body == "ok");
}

TEST_CASE("an answer whose head is too large becomes 502 that the client can read while it sends on") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->begin({.method = "POST", .body_bytes = 500'000, .has_body = true});
  auto server = bench.take_request();
  server.send("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'));
  CHECK(visitor->answer().status == 502);
  visitor->send(std::string(400'000, 'y'));
  visitor->check_spent();
}

TEST_CASE("idle connections give way when the process has all it may") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto idle = bench.visitor();
  auto server = bench.serve_one(*idle);
  auto next = bench.visitor();
  next->get("/next");
  CHECK(server.read_until("\r\n\r\n").starts_with("GET /next "));
  server.send(ok);
  CHECK(next->answer().body == "ok");
  idle->check_end();
}

TEST_CASE("a request that has arrived, unseen, is served, though others need its connection's place") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto server = bench.serve_one(*visitor);
  CHECK_FALSE(bench.ask<bool>([&](serve::Worker& worker) {
    visitor->get("/2");
    return worker.make_room();
  }));
  CHECK(server.read_until("\r\n\r\n").starts_with("GET /2 "));
  server.send(ok);
  CHECK(visitor->answer().body == "ok");
}

TEST_CASE("the last connection of the process has its moment to send a request, though others wait") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto first = bench.visitor();
  auto second = bench.arrival();
  CHECK(first->quiet_for(200));
  bench.serve_one(*first);
}

TEST_CASE("when connections to servers are scarce none is kept, and beyond the last a request is refused") {
  WorkerBench bench;
  bench.upstream_connections().set_limit(1);
  bench.start();
  auto first = bench.visitor();
  first->get();
  auto server = bench.take_request();
  auto second = bench.visitor();
  second->get();
  CHECK(second->answer().status == 503);
  server.send(ok);
  CHECK(first->answer().body == "ok");
  server.read_to_end();
  bench.serve_one(*first);
}

TEST_CASE("every way a connection to a server ends gives its place back") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  auto server = bench.take_request();
  CHECK(bench.upstream_connections().open() == 1);
  server.send(ok);
  CHECK(visitor->answer().body == "ok");
  CHECK(bench.upstream_connections().open() == 1);
  while (bench.upstream_connections().open() != 0) {  // once it is idle
    bench.ask<bool>([](serve::Worker& worker) {
      worker.servers().shed_idle();
      return true;
    });
  }
  visitor->get();
  bench.take_request().close();
  CHECK(visitor->answer().status == 502);
  while (bench.upstream_connections().open() != 0) std::this_thread::yield();
}
