#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <thread>

using namespace drawbridge;
using tests::RawSocket;
using tests::WorkerBench;

namespace {

const std::string blank = "\r\n\r\n";
constexpr std::size_t large = 1'200'000;

std::string noise(std::size_t bytes) {
  std::mt19937 random(11);
  std::string text(bytes, 0);
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

std::string head_of_answer(std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + blank;
}

// Asks for a large answer and has the first of it on its way.
RawSocket begin_answer(WorkerBench& bench, RawSocket& client) {
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto server = bench.server().accept();
  server.read_until(blank);
  server.send(head_of_answer(large) + "first");
  client.read_until("first");
  return server;
}

}  // namespace

TEST_CASE("a large body comes out as it went in, whichever way it goes, and ends where it ends") {
  for (const std::size_t io_bytes : {std::size_t(-1), std::size_t(5'000)}) {
    CAPTURE(io_bytes);
    WorkerBench bench;
    bench.limit_io(io_bytes);
    bench.start();
    auto client = bench.client();
    const auto body = noise(large);
    std::thread sends([&] {
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large) + blank + body +
                  "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    });
    auto server = bench.server().accept();
    server.read_until(blank);
    CHECK(server.read(large) == body);
    sends.join();
    std::thread answers([&] { server.send(head_of_answer(large) + body); });
    client.read_until(blank);
    CHECK(client.read(large) == body);
    answers.join();
    CHECK(server.read_until(blank).starts_with("GET /next "));
    server.send(head_of_answer(2) + "ok");
    CHECK(client.read_until("ok").starts_with("HTTP/1.1 200 "));
  }
}

TEST_CASE("a large answer that breaks off is short, and what of it came arrives") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  auto server = begin_answer(bench, client);
  const auto part = noise(large / 2);
  std::thread answers([&] {
    server.send(part);
    server.close();
  });
  CHECK(client.read_to_end() == part);
  answers.join();
}

TEST_CASE("a client that goes away in the middle of a large answer takes the server's connection with it") {
  WorkerBench bench;
  bench.start();
  auto client = bench.client();
  auto server = begin_answer(bench, client);
  server.send(noise(100'000));
  client.reset();
  server.read_to_end();
  CHECK(bench.in_flight().total() == 0);
}

TEST_CASE("behind a large body a connection is idle, as behind any other") {
  WorkerBench bench;
  bench.bounds().head_timeout = base::Millis(60'000);
  bench.start();
  auto client = bench.client();
  std::thread sends([&] {
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large) + blank + noise(large));
  });
  auto server = bench.server().accept();
  server.read_until(blank);
  server.read(large);
  sends.join();
  server.send(tests::ok);
  CHECK(client.read_until("ok").starts_with("HTTP/1.1 200 "));
  CHECK(bench.ask<bool>([](serve::Worker& worker) { return worker.make_room(); }));
  CHECK(client.read_to_end().empty());
}
