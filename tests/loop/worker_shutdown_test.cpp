#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::RawSocket;
using tests::WorkerBench;

namespace {

const std::string blank = "\r\n\r\n";
const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("at shutdown a connection between two requests ends in order, and the worker with it") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  client.read_until("ok");
  bench.begin_shutdown();
  CHECK(client.read_to_end().empty());
  CHECK(client.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("at shutdown a connection that was just opened still gets its first answer") {
  WorkerBench bench;
  bench.start();
  auto early = bench.client();
  early.send(get);
  auto silent = bench.client();
  bench.begin_shutdown();
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  CHECK(early.read_to_end().ends_with("ok"));
  CHECK(early.end() == RawSocket::End::fin);
  CHECK(silent.read_to_end().empty());
  CHECK(silent.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("at shutdown a request in flight is answered, and the answer says that the connection closes") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  bench.ask<int>([](serve::Worker& worker) {
    worker.begin_shutdown();
    return 0;
  });
  server.send(ok);
  const auto answer = client.read_to_end();
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(answer.ends_with("ok"));
  CHECK(client.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("at shutdown a request that has arrived on a kept connection, unseen, is answered") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  client.read_until("ok");
  bench.ask<int>([&](serve::Worker& worker) {
    client.send(get);
    worker.begin_shutdown();
    return 0;
  });
  auto second = bench.server().accept();
  second.read_until(blank);
  second.send(ok);
  CHECK(client.read_to_end().ends_with("ok"));
  CHECK(client.end() == RawSocket::End::fin);
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
