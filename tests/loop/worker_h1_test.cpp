// What only HTTP/1 has: its bytes, several requests at once, an end that is the end of the connection.
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <future>
#include <string>

using namespace drawbridge;
using tests::ok;
using tests::RawSocket;
using tests::WorkerBench;

TEST_CASE("over HTTP/1 a client that only sends no more is told so, and is never sent either") {
  WorkerBench bench;
  bench.hold(core::HoldScope::all);
  bench.start();
  auto client = bench.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
  bench.wait_for_parked(1);
  bench.publish_live();
  client.finish_sending();
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 503 "));
  client.read_to_end();
  CHECK(bench.server().nobody_came());
}

TEST_CASE("a head that fills the buffer is refused so that the client can read why") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(200'000, 'x'));
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 431 "));
  client.finish_sending();
  client.read_to_end();
  CHECK(client.end() == RawSocket::End::fin);
}

TEST_CASE("what comes with the end of a large body is the next request") {
  constexpr std::size_t large = 1'200'000;
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  auto sends = std::async(std::launch::async, [&] {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large) + "\r\n\r\n" +
                std::string(large, 'x') + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  });
  auto server = bench.take_request();
  CHECK(server.read(large) == std::string(large, 'x'));
  sends.get();
  server.send(ok);
  CHECK(client.read_until("ok").starts_with("HTTP/1.1 200 "));
  CHECK(server.read_until("\r\n\r\n").starts_with("GET /next "));
  server.send(ok);
  CHECK(client.read_until("ok").starts_with("HTTP/1.1 200 "));
}

namespace {

const std::string asks_to_close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const std::string asks_of_old = "GET / HTTP/1.0\r\nHost: a\r\n\r\n";  // knows no chunks

const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

TEST_CASE("the last answer of a connection, whole, ends in order, with a length, in chunks and without either") {
  for (const auto& request : {asks_to_close, asks_of_old}) {
    for (const auto& answer : {ok, chunked + "2\r\nok\r\n0\r\n\r\n"}) {
      CAPTURE(request);
      CAPTURE(answer);
      WorkerBench bench;
      bench.start();
      auto client = bench.client();
      client.send(request);
      auto server = bench.take_request();
      server.send(answer);
      const auto heard = client.read_to_end();
      CHECK(heard.find("ok") != std::string::npos);
      CHECK(client.end() == RawSocket::End::fin);
    }
  }
}

TEST_CASE("an answer that breaks off and has no length does not end in order") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  client.send(asks_of_old);
  auto server = bench.take_request();
  server.send(chunked + "4\r\npart\r\n");
  client.read_until("part");
  server.close();
  client.read_to_end();
  CHECK(client.end() != RawSocket::End::fin);
}

TEST_CASE("a connection that nothing came on for long ends in order") {
  WorkerBench bench;
  bench.bounds().idle_timeout = base::Millis(50);
  bench.start();
  auto client = bench.client();
  CHECK(client.read_to_end().empty());
  CHECK(client.end() == RawSocket::End::fin);
}

// A connection that began with a PROXY header is for one client.
TEST_CASE("of connections for one client each, the one that was kept longest gives way") {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  WorkerBench bench;
  bench.pool().send_proxy = http::ProxyVersion::v1;
  bench.pool().idle_connections_max = 2;
  bench.start();
  RawSocket clients[] = {bench.client(), bench.client(), bench.client()};
  for (auto& client : clients) {
    client.send("GET /.drawbridge/none HTTP/1.1\r\nHost: a\r\n\r\n");
    bench.take_request().send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    client.read_until("\r\n\r\n");
  }
  clients[0].send(get);
  auto first = bench.take_request();
  first.send(ok);
  clients[0].read_until("ok");
  clients[1].send(get);
  auto second = bench.take_request();
  // The answer of the second and the request of the third come in one turn of the worker.
  std::promise<void> stood, go;
  auto stands = std::async(std::launch::async, [&] {
    bench.ask<int>([&](serve::Worker&) {
      stood.set_value();
      go.get_future().wait();
      return 0;
    });
  });
  stood.get_future().wait();
  second.send(ok);
  clients[2].send(get);
  go.set_value();
  stands.get();
  clients[1].read_until("ok");
  auto third = bench.take_request();
  third.send(ok);
  clients[2].read_until("ok");
  CHECK(first.read_to_end().empty());
  clients[1].send(get);
  CHECK(second.read_until("\r\n\r\n").starts_with("GET / "));
  second.send(ok);
  clients[1].read_until("ok");
}
