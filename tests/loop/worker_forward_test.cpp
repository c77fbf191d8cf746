#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::RawSocket;
using tests::WorkerBench;

namespace {

const std::string blank = "\r\n\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Sends the head of a large request and waits until a server has it.
RawSocket begin_upload(WorkerBench& bench, RawSocket& client, const std::string& method = "POST") {
  client.send(method + " /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nfirst");
  auto server = bench.server().accept();
  server.read_until("first");
  return server;
}

}  // namespace

TEST_CASE("a server that goes away while a body comes is the server's failure, not the client's") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    WorkerBench bench;
    bench.start();
    auto client = bench.client();
    auto server = begin_upload(bench, client);
    reset ? server.reset() : server.close();
    CHECK(client.read_until(blank).starts_with("HTTP/1.1 502 "));
    CHECK(bench.server().nobody_came());
  }
}

TEST_CASE("a server that answers nothing while a body comes fails as too slow, not the client") {
  WorkerBench bench;
  bench.timing().head = base::Millis(100);
  bench.start();
  auto client = bench.client();
  auto server = begin_upload(bench, client);
  client.send(std::string(100'000 - 5, 'x'));
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 504 "));
}

TEST_CASE("a client that stops in the middle of its body hears 408 and the server no end of it") {
  WorkerBench bench;
  bench.bounds().body_timeout = base::Millis(100);
  bench.start();
  auto client = bench.client();
  auto server = begin_upload(bench, client);
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 408 "));
  CHECK(server.read_to_end().empty());
}

TEST_CASE("an answer before the end of the body reaches the client, and the connection ends without a reset") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  auto server = begin_upload(bench, client);
  server.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 403 "));
  CHECK(client.read(2) == "no");
  client.send(std::string(50'000, 'x'));
  client.finish_sending();
  client.read_to_end();
  CHECK(client.end() == RawSocket::End::fin);
}

TEST_CASE("a kept connection that the server has closed costs an idempotent request nothing") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(ok);
  client.read_until("ok");
  client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  server.read_until(blank);
  server.close();
  auto second = bench.server().accept();
  CHECK(second.read_until(blank).starts_with("GET /2 "));
  second.send(ok);
  client.read_until("ok");
}

TEST_CASE("a POST is not sent twice") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  server.close();
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 502 "));
  CHECK(bench.server().nobody_came());
}

TEST_CASE("a request that has brought an interim answer is not sent twice") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 103 "));
  server.close();
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 502 "));
  CHECK(bench.server().nobody_came());
}

TEST_CASE("interim answers push the deadline of the head on") {
  WorkerBench bench;
  bench.timing().head = base::Millis(400);
  bench.start();
  auto client = bench.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto server = bench.server().accept();
  server.read_until(blank);
  for (int i = 0; i < 4; ++i) {
    CHECK(client.quiet_for(200));
    server.send("HTTP/1.1 102 Processing\r\n\r\n");
    CHECK(client.read_until(blank).starts_with("HTTP/1.1 102 "));
  }
  server.send(ok);
  CHECK(client.read_until("ok").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("with no server left to ask again, nobody is told that nothing was processed") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  server.close();
  const auto head = client.read_until(blank);
  CHECK(head.starts_with("HTTP/1.1 502 "));
  CHECK(head.find("Drawbridge-Not-Processed") == std::string::npos);
}

TEST_CASE("a pool of more servers than are told apart ends when each was asked once") {
  WorkerBench bench(70);
  for (std::size_t place = 0; place < 70; ++place) bench.server(place).close();
  bench.start();
  auto client = bench.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(client.read_until(blank).starts_with("HTTP/1.1 502 "));
}

TEST_CASE("a connection to an address that its server left is not used again") {
  WorkerBench bench;
  bench.start();
  tests::RawServer moved;
  auto client = bench.client();
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto server = bench.server().accept();
  server.read_until(blank);
  bench.ask<int>([&](serve::Worker& worker) {
    worker.servers().set_addresses(0, {*net::parse_endpoint("127.0.0.1:" + std::to_string(moved.port()))});
    return 0;
  });
  server.send(ok);
  client.read_until("ok");
  client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto second = moved.accept();
  CHECK(second.read_until(blank).starts_with("GET /2 "));
  CHECK(server.read_to_end().empty());
}

TEST_CASE("a write is in flight until its server has answered, also when its client has gone") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  client.reset();
  CHECK(server.quiet_for(50));
  CHECK(bench.in_flight()[core::RequestClass::write] == 1);
  server.send(ok);
  auto next = bench.client();
  next.send("GET / HTTP/1.0\r\n\r\n");
  while (bench.in_flight()[core::RequestClass::write] != 0) std::this_thread::yield();
}
