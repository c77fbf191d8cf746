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

TEST_CASE("an address that has all its connections gets no further one until one ends") {
  WorkerBench bench;
  bench.census().set_limits(1'000, 2);
  bench.start();
  auto first = bench.client();
  auto second = bench.client();
  auto third = bench.client();
  third.read_to_end();
  CHECK(second.quiet_for(0));
  first.finish_sending();
  first.read_to_end();
  auto fourth = bench.client();
  fourth.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  fourth.read_until("ok");
}

TEST_CASE("beyond the connections of the process a client waits and is served when another has gone") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto first = bench.client();
  first.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  auto second = bench.client();
  second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(second.quiet_for(150));
  server.send(ok);
  first.read_until("ok");
  first.close();
  CHECK(server.read_until(blank).starts_with("GET /second "));
  server.send(ok);
  second.read_until("ok");
}

TEST_CASE("a server's bound on connections refuses what is above it and says that nothing was processed") {
  WorkerBench bench;
  bench.pool().servers.front().max_connections = 1;
  bench.start();
  auto first = bench.client();
  first.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  auto second = bench.client();
  second.send(get);
  const auto head = second.read_until(blank);
  CHECK(head.starts_with("HTTP/1.1 503 "));
  CHECK(head.find("Drawbridge-Not-Processed: 1\r\n") != std::string::npos);
  server.send(ok);
  first.read_until("ok");
}

TEST_CASE("a head that fills the buffer is refused so that the client can read why") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(200'000, 'x'));
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 431 "));
  client.finish_sending();
  client.read_to_end();
  CHECK(client.end() == RawSocket::End::fin);
}

TEST_CASE("an answer whose head is too large becomes 502 that the client can read while it sends on") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n");
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'));
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 502 "));
  client.send(std::string(400'000, 'y'));
  client.finish_sending();
  client.read_to_end();
  CHECK(client.end() == RawSocket::End::fin);
}

TEST_CASE("idle connections give way when the process has all it may") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto idle = bench.client();
  idle.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  idle.read_until("ok");
  auto next = bench.client();
  next.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(server.read_until(blank).starts_with("GET /next "));
  server.send(ok);
  next.read_until("ok");
  CHECK(idle.read_to_end().empty());
  CHECK(idle.end() == RawSocket::End::fin);
}

TEST_CASE("the last connection of the process has its moment to send a request, though others wait") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto first = bench.client();
  auto second = bench.client();
  CHECK(first.quiet_for(200));
  first.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  first.read_until("ok");
}

TEST_CASE("a client for whom no place comes free is told so and when to come back") {
  WorkerBench bench;
  bench.census().set_limits(1, 0);
  bench.start();
  auto first = bench.client();
  first.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  auto second = bench.client();
  second.send("POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  const auto head = second.read_until(blank);
  CHECK(head.starts_with("HTTP/1.1 503 "));
  CHECK(head.find("Retry-After: ") != std::string::npos);
  CHECK(head.find("Drawbridge-Not-Processed: 1\r\n") != std::string::npos);
  CHECK(head.find("Connection: close\r\n") != std::string::npos);
  second.read_to_end();
  CHECK(second.end() == RawSocket::End::fin);
  CHECK(bench.census().turned_away_total() == 1);
  server.send(ok);
  first.read_until("ok");
}

TEST_CASE("when connections to servers are scarce none is kept, and beyond the last a request is refused") {
  WorkerBench bench;
  bench.upstream_connections().set_limit(1);
  bench.start();
  auto first = bench.client();
  first.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  auto second = bench.client();
  second.send(get);
  CHECK(second.read_until(blank).starts_with("HTTP/1.1 503 "));
  server.send(ok);
  first.read_until("ok");
  server.read_to_end();
  first.send(get);
  auto again = bench.server().accept();
  again.read_until(blank);
  again.send(ok);
  first.read_until("ok");
}

TEST_CASE("every way a connection to a server ends gives its place back") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send(get);
  auto server = bench.server().accept();
  server.read_until(blank);
  CHECK(bench.upstream_connections().open() == 1);
  server.send(ok);
  client.read_until("ok");
  CHECK(bench.upstream_connections().open() == 1);
  bench.ask<bool>([](serve::Worker& worker) {
    worker.servers().shed_idle();
    return true;
  });
  CHECK(bench.upstream_connections().open() == 0);
  client.send(get);
  auto broken = bench.server().accept();
  broken.read_until(blank);
  broken.close();
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 502 "));
  CHECK(bench.upstream_connections().open() == 0);
}
