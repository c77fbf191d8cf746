#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::ok;
using tests::RawSocket;
using tests::WorkerBench;

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("at shutdown a connection between two requests ends in order, and the worker with it") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto server = bench.serve_one(*visitor);
  bench.begin_shutdown();
  visitor->check_end();
  bench.join();
}

TEST_CASE("at shutdown a connection that was just opened still gets its first answer") {
  WorkerBench bench;
  bench.start();
  auto early = bench.visitor();
  early->get();
  auto silent = bench.client();
  bench.begin_shutdown();
  bench.take_request().send(ok);
  CHECK(early->answer().body == "ok");
  early->check_end();
  CHECK(silent.read_to_end().empty());
  CHECK(silent.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("at shutdown a connection whose balancer was slow to introduce its client holds nobody up") {
  WorkerBench bench;
  bench.door().proxies.add(*http::parse_net("127.0.0.1/32"));
  bench.start();
  auto late = bench.client(), silent = bench.client();
  silent.send("PROXY UNKNOWN\r\n");
  bench.begin_shutdown();
  CHECK(silent.read_to_end().empty());
  late.send("PROXY UNKNOWN\r\n");
  CHECK(late.read_to_end().empty());
  CHECK(late.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("at shutdown a request in flight is answered, and its connection ends behind the answer") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  auto server = bench.take_request();
  bench.ask<int>([](serve::Worker& worker) {
    worker.begin_shutdown();
    return 0;
  });
  server.send(ok);
  const auto answer = visitor->answer();
  CHECK(answer.body == "ok");
  CHECK(answer.fields.contains("connection") == !tests::over_http2());
  visitor->check_end();
}

TEST_CASE("at shutdown a request that has arrived on a kept connection, unseen, is answered") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto server = bench.serve_one(*visitor);
  bench.ask<int>([&](serve::Worker& worker) {
    visitor->get();
    worker.begin_shutdown();
    return 0;
  });
  auto second = bench.take_request();
  second.send(ok);
  CHECK(visitor->answer().body == "ok");
  visitor->check_end();
  bench.join();
}

TEST_CASE("the end of the grace time ends a request that still waits for a connection") {
  WorkerBench bench;
  bench.timing().connect = base::Millis(60'000);
  bench.server().stop_answering();
  bench.start();
  auto client = bench.client();
  client.send(get);
  while (bench.in_flight()[core::RequestClass::read] == 0) std::this_thread::yield();
  bench.begin_shutdown();
  bench.end_all();
  CHECK(client.read_to_end().empty());
  bench.join();
}
