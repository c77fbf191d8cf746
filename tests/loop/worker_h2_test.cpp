// What only HTTP/2 has: its frames, sent and read one by one.
#include "proxy/serve/h2_connection.h"
#include "tests/h2/frames.h"
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace drawbridge;
using tests::ok;
using tests::RawSocket;
using tests::WorkerBench;

namespace {

constexpr std::uint32_t initial_window = 4;  // of SETTINGS
constexpr std::uint32_t streams_max = 0x7fff'ffff;

// A client that says nothing by itself: neither acknowledges nor answers, nor gives a window back.
struct Wire {
  explicit Wire(const WorkerBench& bench) : socket(bench.client()) {}

  void greet(const std::string& more = {}, const std::string& settings = h2::settings()) {
    socket.send(h2::magic + settings + more);
  }
  // The next frame of this type; others wait for who asks for them.
  h2::Frame next(unsigned type) {
    for (;;) {
      const auto found = std::ranges::find(frames, type, &h2::Frame::type);
      if (found != frames.end()) {
        auto frame = std::move(*found);
        frames.erase(found);
        return frame;
      }
      const auto bytes = socket.read_some();
      if (bytes.empty()) throw std::runtime_error("the connection ended too early");
      unread += bytes;
      for (auto& frame : h2::take_frames(unread)) frames.push_back(std::move(frame));
    }
  }

  RawSocket socket;
  std::string unread;
  std::vector<h2::Frame> frames;
};

std::uint32_t last_stream_of(const h2::Frame& goaway) {
  return static_cast<std::uint32_t>((goaway.payload[0] & 0x7f) << 24 | (goaway.payload[1] & 0xff) << 16 |
                                    (goaway.payload[2] & 0xff) << 8 | (goaway.payload[3] & 0xff));
}

}  // namespace

TEST_CASE("nothing is read from a client that does not take what was written to it") {
  WorkerBench bench;
  bench.start();
  auto socket = bench.client();
  socket.send(h2::magic + h2::settings({{initial_window, 0x7fff'ffff}}) + h2::window_update(0, 0x4000'0000) +
              h2::get(1));
  auto server = bench.take_request();
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
  while (server.fits(std::string(1'000'000, 'x'), 200)) continue;
  // Each of these would be taken, and none answered.
  std::string frames;
  for (int i = 0; i < 10'000; ++i) frames += h2::window_update(0, 1);
  int times = 0;
  while (times < 1'000 && socket.fits(frames, 500)) ++times;
  CHECK(times < 1'000);
}

TEST_CASE("at shutdown a client that does not answer the PING is told the last stream in time") {
  WorkerBench bench;
  bench.start();
  Wire wire(bench);
  wire.greet(h2::get(1));
  auto server = bench.take_request();
  bench.begin_shutdown();
  CHECK(last_stream_of(wire.next(h2::type_goaway)) == streams_max);
  wire.next(h2::type_ping);
  CHECK(last_stream_of(wire.next(h2::type_goaway)) == 1);
  server.send(ok);
  CHECK(wire.next(h2::type_data).payload == "ok");
  wire.socket.read_to_end();
  CHECK(wire.socket.end() == RawSocket::End::fin);
  bench.join();
}

TEST_CASE("between the two GOAWAYs of a shutdown a stream is served, and behind the second it is not") {
  WorkerBench bench;
  bench.start();
  Wire wire(bench);
  wire.greet(h2::get(1));
  auto server = bench.take_request();
  bench.begin_shutdown();
  CHECK(last_stream_of(wire.next(h2::type_goaway)) == streams_max);
  const auto ping = wire.next(h2::type_ping);
  wire.socket.send(h2::get(3) + h2::ping(ping.payload, h2::ack) + h2::get(5));
  auto second = bench.take_request();
  CHECK(last_stream_of(wire.next(h2::type_goaway)) == 3);
  server.send(ok);
  second.send(ok);
  CHECK(wire.next(h2::type_data).stream + wire.next(h2::type_data).stream == 1 + 3);
  wire.socket.read_to_end();
  CHECK(bench.server().nobody_came());
  bench.join();
}

TEST_CASE("the end of the grace time waits for no client that leaves no room for what it is told of its request") {
  WorkerBench bench;
  bench.bounds().body_timeout = base::Millis(600'000);
  bench.start();
  Wire wire(bench);
  wire.greet(h2::get(1), h2::settings({{initial_window, 0}}));
  auto server = bench.take_request();
  bench.begin_shutdown();
  bench.end_all();
  wire.next(h2::type_headers);
  wire.socket.read_to_end();
  bench.join();
}

namespace {

// A connection on which nobody asks for anything, until no task waits on it.
struct Resting {
  explicit Resting(base::Millis client_idle = base::Millis(60'000)) {
    bench.bounds().idle_timeout = client_idle;
    bench.start();
    const auto before = tasks();
    wire.emplace(bench);
    wire->greet(h2::settings_ack());
    wire->next(h2::type_settings);
    while (tasks() != before + 1) std::this_thread::yield();
  }
  // Its own record is one that may still spawn tasks.
  std::size_t tasks() {
    return bench.ask<std::size_t>([](serve::Worker& worker) { return worker.loop().tasks(); });
  }
  void serve(std::uint32_t stream) {
    wire->socket.send(h2::get(stream));
    bench.take_request().send(ok);
    CHECK(wire->next(h2::type_data).stream == stream);
  }

  WorkerBench bench;
  std::optional<Wire> wire;
};

}  // namespace

TEST_CASE("a connection without streams rests, and wakes for whatever comes") {
  Resting resting;
  const auto tasks = resting.tasks();
  for (const std::uint32_t stream : {1U, 3U}) {
    resting.wire->socket.send(h2::ping("are you?"));
    CHECK(resting.wire->next(h2::type_ping).payload == "are you?");
    resting.serve(stream);
    while (resting.tasks() != tasks) std::this_thread::yield();
  }
}

TEST_CASE("a connection that rests says goodbye before it ends") {
  Resting resting;
  SUBCASE("at shutdown, in two steps") {
    resting.bench.begin_shutdown();
    CHECK(last_stream_of(resting.wire->next(h2::type_goaway)) == streams_max);
    CHECK(last_stream_of(resting.wire->next(h2::type_goaway)) == 0);
  }
  SUBCASE("where others need its place") {
    CHECK(resting.bench.ask<bool>([](serve::Worker& worker) { return worker.make_room(); }));
    CHECK(last_stream_of(resting.wire->next(h2::type_goaway)) == 0);
  }
  SUBCASE("at the end of the grace of a shutdown") {
    resting.bench.end_all();
    CHECK(last_stream_of(resting.wire->next(h2::type_goaway)) == 0);
  }
  resting.wire->socket.read_to_end();
  CHECK(resting.wire->socket.end() == RawSocket::End::fin);
}

TEST_CASE("a connection that rests ends with a goodbye when its client has asked for nothing for too long") {
  Resting resting(serve::H2Connection::rest_after + base::Millis(500));
  CHECK(last_stream_of(resting.wire->next(h2::type_goaway)) == 0);
  resting.wire->socket.read_to_end();
  CHECK(resting.wire->socket.end() == RawSocket::End::fin);
}

TEST_CASE("a header block that does not end in time ends its connection: it held up all others on it") {
  WorkerBench bench;
  bench.bounds().head_timeout = base::Millis(500);
  bench.start();
  Wire wire(bench);
  wire.greet(h2::headers(1, h2::get_fields(), h2::end_stream));
  CHECK(wire.next(h2::type_goaway).code() == 11);  // ENHANCE_YOUR_CALM
}
