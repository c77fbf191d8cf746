#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using tests::ok;
using tests::RawSocket;
using tests::Visitor;
using tests::WorkerBench;

namespace {

// A large upload of which a server has the first bytes.
struct Upload {
  static constexpr std::size_t bytes = 100'000;

  explicit Upload(WorkerBench& bench, const std::string& method = "POST") : visitor(bench.visitor()) {
    visitor->begin({.method = method, .target = "/orders", .body_bytes = bytes, .has_body = true});
    visitor->send("first");
    server.emplace(bench.server().accept());
    server->read_until("first");
  }
  void send_rest() { visitor->send(std::string(bytes - 5, 'x')); }

  std::unique_ptr<Visitor> visitor;
  std::optional<RawSocket> server;
};

}  // namespace

TEST_CASE("a server that goes away while a body comes is the server's failure, not the client's") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    WorkerBench bench;
    bench.start();
    Upload upload(bench);
    reset ? upload.server->reset() : upload.server->close();
    CHECK(upload.visitor->head().status == 502);
    CHECK(bench.server().nobody_came());
  }
}

TEST_CASE("a server that answers nothing while a body comes fails as too slow, not the client") {
  WorkerBench bench;
  bench.timing().head = base::Millis(100);
  bench.start();
  Upload upload(bench);
  upload.send_rest();
  CHECK(upload.visitor->head().status == 504);
}

TEST_CASE("a client that stops in the middle of its body hears 408 and the server no end of it") {
  WorkerBench bench;
  bench.bounds().body_timeout = base::Millis(100);
  bench.start();
  Upload upload(bench);
  CHECK(upload.visitor->answer().status == 408);
  CHECK(upload.server->read_to_end().empty());
  upload.visitor->check_spent();
}

TEST_CASE("a call of gRPC may bring nothing of its body for as long as its pool lets the answer's be silent") {
  WorkerBench bench;
  bench.timing().body = base::Millis(60'000);
  bench.bounds().body_timeout = base::Millis(100);
  bench.bounds().body_rate_min = 1'000'000;
  bench.start();
  auto visitor = bench.visitor();
  visitor->begin(
      {.method = "POST", .body_bytes = 2, .has_body = true, .fields = "Content-Type: application/grpc\r\n"});
  visitor->send("1");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\n1");
  CHECK(visitor->quiet_for(300));
  visitor->send("2");
  server.read_until("2");
  server.send(ok);
  CHECK(visitor->answer().body == "ok");
}

TEST_CASE("an answer before the end of the body reaches the client, though it sends on") {
  WorkerBench bench;
  bench.start();
  Upload upload(bench);
  upload.server->send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  const auto answer = upload.visitor->answer();
  CHECK(answer.status == 403);
  CHECK(answer.body == "no");
  upload.visitor->send(std::string(50'000, 'x'));
  upload.visitor->check_spent();
}

TEST_CASE("a kept connection that the server has closed costs an idempotent request nothing") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto server = bench.serve_one(*visitor);
  visitor->get("/2");
  server.read_until("\r\n\r\n");
  server.close();
  auto second = bench.server().accept();
  CHECK(second.read_until("\r\n\r\n").starts_with("GET /2 "));
  second.send(ok);
  CHECK(visitor->answer().body == "ok");
}

TEST_CASE("a request that met a stale connection goes on a new one, not on another that was kept") {
  WorkerBench bench;
  bench.timing().idle = base::Millis(60'000);
  bench.start();
  auto one = bench.visitor(), other = bench.visitor();
  std::vector<RawSocket> kept;
  for (auto* const visitor : {one.get(), other.get()}) {
    visitor->get();
    kept.push_back(bench.take_request());
  }
  for (auto& server : kept) server.send(ok);
  CHECK(one->answer().body == "ok");
  CHECK(other->answer().body == "ok");
  while (bench.ask<std::uint64_t>([](serve::Worker& worker) { return worker.counters().in_flight_at(0); }) != 0) {
  }
  one->get("/2");
  std::size_t looks = 0;
  while (kept[looks % 2].quiet_for(1)) REQUIRE(++looks < 10'000);
  auto& asked = kept[looks % 2];
  asked.read_until("\r\n\r\n");
  asked.close();
  bench.take_request().send(ok);
  CHECK(one->answer().body == "ok");
}

TEST_CASE("a POST is not sent twice") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  server.close();
  CHECK(visitor->answer().status == 502);
  CHECK(bench.server().nobody_came());
}

TEST_CASE("a request that has brought an interim answer is not sent twice") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  auto server = bench.take_request();
  server.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  CHECK(visitor->head().status == 103);
  server.close();
  CHECK(visitor->answer().status == 502);
  CHECK(bench.server().nobody_came());
}

TEST_CASE("interim answers push the deadline of the head on") {
  WorkerBench bench;
  bench.timing().head = base::Millis(1'000);
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  auto server = bench.take_request();
  for (int i = 0; i < 4; ++i) {
    CHECK(visitor->quiet_for(300));
    server.send("HTTP/1.1 102 Processing\r\n\r\n");
    CHECK(visitor->head().status == 102);
  }
  server.send(ok);
  CHECK(visitor->answer().status == 200);
}

TEST_CASE("with no server left to ask again, nobody is told that nothing was processed") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->begin({.method = "PUT", .body_bytes = 1, .has_body = true});
  visitor->send("x");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  server.close();
  const auto answer = visitor->answer();
  CHECK(answer.status == 502);
  CHECK_FALSE(answer.not_processed());
}

TEST_CASE("a pool of more servers than are told apart ends when each was asked once") {
  WorkerBench bench(70);
  for (std::size_t place = 0; place < 70; ++place) bench.server(place).refuse();
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  CHECK(visitor->answer().status == 502);
}

TEST_CASE("a connection to an address that its server left is not used again") {
  WorkerBench bench;
  bench.start();
  tests::RawServer moved;
  auto visitor = bench.visitor();
  visitor->get("/1");
  auto server = bench.take_request();
  bench.ask<int>([&](serve::Worker& worker) {
    const auto address = *net::parse_endpoint("127.0.0.1:" + std::to_string(moved.port()));
    worker.servers().set_addresses(0, upstream::EndpointSlots{address});
    return 0;
  });
  server.send(ok);
  CHECK(visitor->answer().body == "ok");
  visitor->get("/2");
  auto second = moved.accept();
  CHECK(second.read_until("\r\n\r\n").starts_with("GET /2 "));
  CHECK(server.read_to_end().empty());
}

TEST_CASE("a request for servers that the worker has not heard of yet waits until it has") {
  WorkerBench bench;
  bench.withhold_addresses();
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  while (bench.in_flight().total() == 0) std::this_thread::yield();
  CHECK(visitor->quiet_for(50));
  bench.tell_addresses();
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  server.send(ok);
  CHECK(visitor->answer().status == 200);
}

TEST_CASE("a request for servers of which nothing is ever heard is answered when its patience ends") {
  WorkerBench bench;
  bench.withhold_addresses();
  bench.timing().connect = base::Millis{50};
  bench.start();
  auto visitor = bench.visitor();
  visitor->get();
  CHECK(visitor->answer().status == 503);
}

TEST_CASE("a write is in flight until its server has answered, also when its client has gone") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  auto server = bench.server().accept();
  server.read_until("\r\n\r\nx");
  visitor->give_up();
  CHECK(server.quiet_for(50));
  CHECK(bench.in_flight()[core::RequestClass::write] == 1);
  server.send(ok);
  while (bench.in_flight()[core::RequestClass::write] != 0) std::this_thread::yield();
}

TEST_CASE(
    "a notice server that had the request and broke off is told of; only one that had nothing gets the page") {
  for (const bool reached : {true, false}) {
    CAPTURE(reached);
    WorkerBench bench;
    bench.maintain();
    bench.site().notice = &bench.pool();
    if (!reached) bench.server().refuse();
    bench.start();
    auto visitor = bench.visitor();
    visitor->post("x");
    if (reached) bench.take_request().close();
    const auto answer = visitor->answer();
    CHECK(answer.status == (reached ? 502 : 503));
    CHECK(answer.not_processed() == !reached);
  }
}

TEST_CASE("the word of a notice server on when to come back is not doubled, and its answer is for nobody's cache") {
  WorkerBench bench;
  bench.maintain();
  bench.site().notice = &bench.pool();
  bench.start();
  for (const bool says : {true, false}) {
    CAPTURE(says);
    auto visitor = bench.visitor();
    visitor->get();
    bench.take_request().send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n" +
                              std::string(says ? "Retry-After: 7\r\n\r\n" : "\r\n") + "ok");
    const auto answer = visitor->answer();
    CHECK(answer.body == "ok");
    CHECK(answer.fields.at("cache-control") == "no-store");
    const auto again = answer.fields.at("retry-after");
    CHECK(again.find(',') == std::string::npos);
    CHECK((again == "7") == says);
  }
}

TEST_CASE("a write never takes an answer that its server sent to nobody, however late that came") {
  WorkerBench bench;
  bench.hold(core::HoldScope::writes);
  bench.start();
  auto reader = bench.visitor(), writer = bench.visitor();
  auto kept = bench.serve_one(*reader);
  writer->post("x");
  bench.wait_for_parked(1);
  bench.publish_live();
  bench.ask<int>([&](serve::Worker& worker) {  // after the worker's loop has looked, and before the write goes on
    kept.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    worker.parking().review(worker.snapshot());
    return 0;
  });
  bench.take_request().send(ok);
  CHECK(writer->answer().body == "ok");
}

TEST_CASE(
    "the drain of a server waits for a request that waits for a connection to it, another server's does not") {
  WorkerBench bench;
  bench.timing().connect = base::Millis(60'000);
  bench.server().stop_answering();
  bench.start();
  auto visitor = bench.visitor();
  visitor->post("x");
  while (bench.in_flight()[core::RequestClass::write] == 0) std::this_thread::yield();
  for (const auto server : {core::ServerId{0}, core::ServerId{1}}) {
    const auto open = bench.ask<core::ClassCounts>([server](serve::Worker& worker) {
      const auto writes = core::ClassMask{}.with(core::RequestClass::write);
      return worker.ledger().fence(1U + server, {.epoch = 2, .sites = {0}, .classes = writes, .at_server = server});
    });
    CHECK(open.total() == (server == 0 ? 1 : 0));
  }
  const auto cut = bench.ask<core::OpenList>(
      [](serve::Worker& worker) { return worker.ledger().cut(1, worker.loop().now(), false); });
  CHECK(cut.requests.empty());  // no server has seen it: nobody need ask what became of it
  CHECK(cut.untouched[core::RequestClass::write] == 1);
  CHECK(visitor->answer().not_processed());
}

namespace {

// Cuts a request when its connection to a server is made, and before it goes on with it: who waits for that goes on
// behind us.
net::Task<> cut_once_connected(serve::Worker& worker) {
  auto& loop = worker.loop();
  while (worker.ledger().in_flight(0).total() == 0 && !worker.stopping()) co_await loop.let_others();
  for (const auto dialled = loop.turns(); loop.turns() == dialled;) co_await loop.let_others();
  const auto writes = core::ClassMask{}.with(core::RequestClass::write);
  worker.ledger().fence(1, {.epoch = 2, .sites = {0}, .classes = writes});
  worker.ledger().cut(1, loop.now(), false);
}

}  // namespace

TEST_CASE("a write that is given up when a connection is there for it is none that its pool was sent") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  bench.ask<int>([](serve::Worker& worker) {
    worker.loop().spawn(cut_once_connected(worker));
    return 0;
  });
  visitor->post("x");
  CHECK(bench.server().accept().read_to_end().empty());
  CHECK(visitor->answer().not_processed());
  CHECK(bench.writes_sent() == 0);
}

TEST_CASE("a write that is sent a second time is one write to whoever counts what a pool has accepted") {
  WorkerBench bench;
  bench.start();
  auto visitor = bench.visitor();
  auto kept = bench.serve_one(*visitor);
  visitor->begin({.method = "PUT"});
  kept.read_until("\r\n\r\n");
  kept.close();
  bench.take_request().send(ok);
  CHECK(visitor->answer().body == "ok");
  CHECK(bench.writes_sent() == 1);
}
