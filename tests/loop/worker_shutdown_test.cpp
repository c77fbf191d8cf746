#include "proxy/serve/connection.h"
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

using namespace drawbridge;
using tests::ok;
using tests::RawSocket;
using tests::Visitor;
using tests::WorkerBench;

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
  auto silent = bench.visitor();
  bench.begin_shutdown();
  bench.take_request().send(ok);
  CHECK(early->answer().body == "ok");
  early->check_end();
  silent->check_end();
  bench.join();
}

TEST_CASE("at shutdown a connection that has said nothing for longer than its first moment ends at once") {
  WorkerBench bench;
  bench.start();
  auto silent = bench.newcomer();
  auto visitor = bench.visitor();
  auto server = bench.serve_one(*visitor);  // so the one before it has been accepted
  const auto late = base::SteadyClock::now() + serve::Connection::first_moment;
  while (bench.ask<base::SteadyTime>([](serve::Worker& worker) { return worker.loop().now(); }) < late) {
    std::this_thread::yield();
  }
  bench.ask<int>([](serve::Worker& worker) {
    worker.begin_shutdown({.newcomer_time = std::chrono::hours(1)});
    return 0;
  });
  CHECK(silent.read_to_end().empty());
  CHECK(silent.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("at shutdown a newcomer who has said nothing yet is answered if it does in its first moment") {
  WorkerBench bench;
  bench.start();
  std::unique_ptr<Visitor> visitor;
  bench.ask<bool>([&](serve::Worker& worker) {  // in one turn: it is let in, and not a moment passes
    visitor = bench.arrival();
    worker.begin_shutdown({.newcomer_time = std::chrono::hours(1)});
    return true;
  });
  visitor->come_in();
  visitor->get();
  bench.take_request().send(ok);
  CHECK(visitor->answer().body == "ok");
  visitor->check_end();
  bench.join();
}

TEST_CASE("at shutdown a newcomer whose balancer has not introduced it yet is answered when it has") {
  WorkerBench bench;
  bench.door().proxies.add(*http::parse_net("127.0.0.1/32"));
  bench.limit_greeting(std::chrono::hours(1));
  bench.start();
  auto newcomer = bench.newcomer();
  bench.wait_for_connections(1);
  bench.begin_shutdown({.newcomer_time = std::chrono::hours(1)});
  newcomer.send("PROXY UNKNOWN\r\n");
  auto visitor = Visitor::over(std::move(newcomer));
  visitor->come_in();
  visitor->get();
  bench.take_request().send(ok);
  CHECK(visitor->answer().body == "ok");
  visitor->check_end();
  bench.join();
}

TEST_CASE("at shutdown a balancer that does not say whom it speaks for, or not to the end, holds nobody up") {
  for (const bool has_begun : {false, true}) {
    WorkerBench bench;
    bench.door().proxies.add(*http::parse_net("127.0.0.1/32"));
    bench.limit_greeting(std::chrono::hours(1));
    bench.start();
    auto silent = bench.newcomer();
    if (has_begun) silent.send("PROXY");
    bench.wait_for_connections(1);
    bench.begin_shutdown({.newcomer_time = has_begun ? std::chrono::hours(1) : std::chrono::milliseconds(1)});
    if (has_begun) bench.end_old();
    CHECK(silent.read_to_end().empty());
    bench.join();
  }
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
  CHECK(visitor->answer().body == "ok");
  visitor->check_last();
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

TEST_CASE(
    "the end of the grace time ends a request that still waits for a connection, and no byte of it has left") {
  WorkerBench bench;
  bench.timing().connect = base::Millis(60'000);
  bench.server().stop_answering();
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  while (bench.in_flight()[core::RequestClass::read] == 0) std::this_thread::yield();
  bench.begin_shutdown();
  bench.end_all();
  const auto answer = visitor->answer();
  CHECK(answer.status == 502);
  CHECK(answer.not_processed());
  visitor->check_last();
  bench.join();
}

TEST_CASE("the end of the grace time answers a write that its server has: nobody sends it again unasked") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  auto server = bench.take_request();
  bench.begin_shutdown();
  bench.end_all();
  const auto answer = visitor->answer();
  CHECK(answer.status == 502);
  CHECK_FALSE(answer.not_processed());
  visitor->check_last();
  bench.join();
}

TEST_CASE("at the end of the grace time an answer that is on its way breaks off, and looks it") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  auto server = bench.take_request();
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  CHECK(visitor->head().status == 200);
  CHECK(visitor->read(4) == "part");
  bench.begin_shutdown();
  bench.end_all();
  visitor->check_broken_off();
  bench.join();
}

TEST_CASE("the end of the grace time waits for no client that takes nothing any more") {
  WorkerBench bench;
  bench.bounds().body_timeout = base::Millis(600'000);
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  auto server = bench.take_request();
  auto answers = std::async(std::launch::async, [&] {
    server.try_send("HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n");
    while (server.try_send(std::string(1'000'000, 'x'))) continue;
  });
  CHECK(visitor->head().status == 200);
  bench.begin_shutdown();
  bench.end_all();
  bench.join();
  answers.get();
}
