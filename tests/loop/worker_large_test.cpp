#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <future>
#include <random>
#include <string>

using namespace drawbridge;
using tests::RawSocket;
using tests::Visitor;
using tests::WorkerBench;

namespace {

constexpr std::size_t large = 1'200'000;

std::string noise(std::size_t bytes) {
  std::mt19937 random(11);
  std::string text(bytes, 0);
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

std::string head_of_answer(std::size_t bytes) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

// Sends a large body, and gives what a server has of it.
std::string upload(WorkerBench& bench, Visitor& visitor, std::optional<RawSocket>& server,
                   const std::string& body) {
  visitor.begin({.method = "POST", .body_bytes = body.size(), .has_body = true});
  server = bench.take_request();
  auto arrives = std::async(std::launch::async, [&] { return server->read(body.size()); });
  visitor.send(body);
  return arrives.get();
}

// Asks for a large answer and has the first of it on its way.
RawSocket begin_answer(WorkerBench& bench, Visitor& visitor) {
  visitor.get();
  auto server = bench.take_request();
  server.send(head_of_answer(large) + "first");
  CHECK(visitor.head().status == 200);
  CHECK(visitor.read(5) == "first");
  return server;
}

}  // namespace

TEST_CASE("a large body comes out as it went in, in both directions, and ends where it ends") {
  for (const std::size_t io_bytes : {std::size_t(-1), std::size_t(5'000)}) {
    CAPTURE(io_bytes);
    WorkerBench bench;
    bench.limit_io(io_bytes);
    bench.start();
    auto visitor = bench.visitor();
    const auto body = noise(large);
    std::optional<RawSocket> server;
    CHECK(upload(bench, *visitor, server, body) == body);
    auto answers = std::async(std::launch::async, [&] { server->send(head_of_answer(large) + body); });
    CHECK(visitor->answer().body == body);
    answers.get();
    visitor->get("/next");
    CHECK(server->read_until("\r\n\r\n").starts_with("GET /next "));
    server->send(tests::ok);
    CHECK(visitor->answer().body == "ok");
  }
}

TEST_CASE("a large answer that breaks off looks broken off, and what of it came arrives") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto server = begin_answer(bench, *visitor);
  const auto part = noise(large / 2);
  auto answers = std::async(std::launch::async, [&] {
    server.send(part);
    server.close();
  });
  CHECK(visitor->read(part.size()) == part);
  visitor->check_broken_off();
  answers.get();
}

TEST_CASE("a client that goes away in the middle of a large answer takes the server's connection with it") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto server = begin_answer(bench, *visitor);
  server.send(noise(100'000));
  visitor->give_up();
  server.read_to_end();
  CHECK(bench.in_flight().total() == 0);
}

TEST_CASE("behind a large body a connection is idle, as behind any other") {
  WorkerBench bench;
  bench.bounds().head_timeout = base::Millis(60'000);
  bench.start();
  auto visitor = bench.visitor();
  std::optional<RawSocket> server;
  upload(bench, *visitor, server, noise(large));
  server->send(tests::ok);
  CHECK(visitor->answer().body == "ok");
  while (!bench.ask<bool>([](serve::Worker& worker) { return worker.make_room(); })) std::this_thread::yield();
  visitor->check_end();
}
