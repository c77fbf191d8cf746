// One worker between clients and a server that all speak HTTP/2, in raw frames.
#include "proxy/base/limits.h"
#include "tests/loop/link.h"
#include "tests/loop/worker_bench.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace drawbridge;
using core::RequestClass;
using tests::Link;
using tests::WorkerBench;

namespace {

constexpr std::uint32_t initial_window_size = 4;    // the setting
constexpr std::size_t window_bytes_first = 65'535;  // RFC 9113 section 6.9.2
constexpr std::size_t frame_bytes_max = 16'384;
constexpr std::size_t endless = 8'000'000;

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// The windows that a server is given.
class Windows {
 public:
  void note(const std::vector<h2::Frame>& frames) {
    for (const auto& frame : frames) {
      if (frame.type == h2::type_settings) note_settings(frame.payload);
      if (frame.type == h2::type_window_update && frame.stream == 0) connection_ += read_u32(frame.payload);
      if (frame.type == h2::type_window_update && frame.stream != 0) more_[frame.stream] += read_u32(frame.payload);
    }
  }
  std::size_t room(std::uint32_t stream) { return std::min(first_ + more_[stream] - sent_[stream], connection_); }
  void spend(std::uint32_t stream, std::size_t bytes) {
    sent_[stream] += bytes;
    connection_ -= bytes;
  }

 private:
  void note_settings(std::string_view settings) {
    for (; settings.size() >= 6; settings.remove_prefix(6)) {
      const bool window = settings[0] == 0 && settings[1] == initial_window_size;
      if (window) first_ = read_u32(settings.substr(2));
    }
  }

  std::size_t first_ = window_bytes_first, connection_ = window_bytes_first;
  std::map<std::uint32_t, std::size_t> more_, sent_;
};

std::string head(std::uint32_t stream, const std::string& status = "200") {
  return h2::headers(stream, {{":status", status}}, h2::end_headers);
}

struct Bench : WorkerBench {
  Bench() { pool().protocol = core::UpstreamProtocol::h2c; }

  Link client(const std::string& requests) {
    Link link(newcomer());
    link.say(h2::magic + h2::settings() + h2::settings_ack() + requests);
    return link;
  }
  // The server's side of the connection that brings the first request, whose head has come.
  Link serve() {
    Link link(server().accept());
    link.say(h2::settings() + h2::settings_ack());
    return link;
  }
  void wait_until_idle() {
    while (in_flight().total() != 0) std::this_thread::yield();
  }
  // A drain of writes whose time is over when its worker hears of it.
  core::OpenList cut_writes() {
    return ask<core::OpenList>([](serve::Worker& worker) {
      const auto classes = core::ClassMask{}.with(RequestClass::write);
      worker.ledger().fence(1, {.epoch = 2, .sites = {0}, .classes = classes});
      return worker.ledger().cut(1, worker.loop().now(), false);
    });
  }
};

const std::string widest =
    h2::settings({{initial_window_size, 0x7fff'ffff}}) + h2::settings_ack() + h2::window_update(0, 0x7fff'0000);

// Sends as much of the bodies on these streams as may be, until nothing more is taken.
std::size_t send_all(Link& server, Windows& windows, const std::vector<std::uint32_t>& streams) {
  std::size_t sent = 0;
  do {
    windows.note(server.heard());
    for (const auto stream : streams) {
      while (windows.room(stream) > 0 && sent < endless) {
        const auto bytes = std::min(windows.room(stream), frame_bytes_max);
        server.say(h2::data(stream, std::string(bytes, 'x'), 0));
        windows.spend(stream, bytes);
        sent += bytes;
      }
    }
  } while (sent < endless && !server.quiet_for(100));
  return sent;
}

}  // namespace

TEST_CASE("a server is not heard faster than its client takes the answer") {
  Bench bench;
  bench.start();
  auto client = bench.client(h2::get(1));
  auto server = bench.serve();
  Windows windows;
  const auto stream = server.await(h2::type_headers).stream;
  server.say(head(stream));
  const auto sent = send_all(server, windows, {stream});
  CHECK(sent >= window_bytes_first);
  CHECK(sent < 4 * window_bytes_first);
  client.say(h2::window_update(0, 1'000'000) + h2::window_update(1, 1'000'000));
  server.await(h2::type_window_update);
}

TEST_CASE("clients that do not take their answers keep none from coming to those that do") {
  Bench bench;
  bench.start();
  std::deque<Link> slow;
  std::vector<std::uint32_t> streams;
  std::optional<Link> server;
  for (int i = 0; i < 24; ++i) {
    slow.push_back(bench.client(h2::get(1)));
    if (!server) server = bench.serve();
    streams.push_back(server->await(h2::type_headers).stream);
    server->say(head(streams.back()));
  }
  Windows windows;
  const auto sent = send_all(*server, windows, streams);
  CHECK(sent < 24 * 4 * window_bytes_first);
  auto client = bench.client(h2::get(1));
  const auto stream = server->await(h2::type_headers).stream;
  CHECK(windows.room(stream) >= frame_bytes_max);
  server->say(head(stream) + h2::data(stream, "here"));
  CHECK(client.await(h2::type_data).payload == "here");
}

TEST_CASE("what a server says before its answer has a bound, at once or bit by bit") {
  Bench bench;
  bench.start();
  auto client = bench.client(h2::get(1));
  auto server = bench.serve();
  const auto stream = server.await(h2::type_headers).stream;
  SUBCASE("as much as there may be") {
    for (std::size_t i = 0; i < base::limits::interim_responses_max; ++i) server.say(head(stream, "103"));
    server.say(h2::headers(stream, {{":status", "204"}}));
    for (std::size_t i = 0; i < base::limits::interim_responses_max; ++i) client.await(h2::type_headers);
    CHECK((client.await(h2::type_headers).flags & h2::end_stream) != 0);
  }
  SUBCASE("at once") {
    std::string many;
    for (int i = 0; i < 3'000; ++i) many += head(stream, "103");
    server.say(many);
    const auto reset = server.await(h2::type_rst_stream);
    CHECK(reset.stream == stream);
    CHECK(reset.code() == 11);  // ENHANCE_YOUR_CALM
    bench.wait_until_idle();
  }
  SUBCASE("bit by bit") {
    for (std::size_t i = 0; i < base::limits::interim_responses_max; ++i) {
      server.say(head(stream, "103"));
      client.await(h2::type_headers);
    }
    server.say(head(stream, "103"));
    CHECK(server.await(h2::type_rst_stream).stream == stream);
    bench.wait_until_idle();
  }
}

TEST_CASE("a read whose client leaves is cancelled at its server, before its answer and in the middle of it") {
  Bench bench;
  bench.start();
  auto client = bench.client(h2::get(1));
  auto server = bench.serve();
  const auto stream = server.await(h2::type_headers).stream;
  SUBCASE("before") {}
  SUBCASE("in the middle") {
    server.say(head(stream) + h2::data(stream, "begun", 0));
    client.await(h2::type_data);
  }
  client.say(h2::reset(1));
  const auto reset = server.await(h2::type_rst_stream);
  CHECK(reset.stream == stream);
  CHECK(reset.code() == 8);
  bench.wait_until_idle();
}

TEST_CASE("a write whose client leaves goes on at its server until that has answered") {
  Bench bench;
  bench.start();
  auto client = bench.client(h2::post(1) + h2::data(1, "x"));
  auto server = bench.serve();
  const auto stream = server.await(h2::type_headers).stream;
  CHECK(server.await(h2::type_data).payload == "x");
  client.say(h2::reset(1) + h2::ping("is heard"));
  client.await(h2::type_ping);
  server.say(h2::ping("all said"));
  server.await(h2::type_ping);
  CHECK(server.heard(h2::type_rst_stream) == 0);
  CHECK(bench.in_flight()[RequestClass::write] == 1);
  server.say(h2::headers(stream, {{":status", "204"}}));
  bench.wait_until_idle();
}

TEST_CASE("a request whose client leaves while it waits for a connection is never sent, not even a write") {
  Bench bench;
  bench.timing().connect = base::Millis(60'000);
  bench.server().stop_answering();
  bench.start();
  for (const auto& request : {h2::get(1), h2::post(1)}) {
    auto client = bench.client(request);
    while (bench.in_flight().total() == 0) std::this_thread::yield();
    client.say(h2::reset(1));
    bench.wait_until_idle();
  }
}

TEST_CASE("a write that is cut behind what its server does not read was never sent, and never will be") {
  Bench bench;
  bench.start();
  auto uploader = bench.client(h2::post(1));
  Link server(bench.server().accept());
  server.say(widest);
  Windows windows;
  CHECK(send_all(uploader, windows, {1}) < endless);
  const auto visitor = bench.visitor();
  visitor->post("order");
  while (bench.in_flight()[RequestClass::write] < 2) std::this_thread::yield();
  const auto cut = bench.cut_writes();
  CHECK(cut.counts[RequestClass::write] == 1);
  CHECK(cut.untouched[RequestClass::write] == 1);
  const auto answer = visitor->answer();
  CHECK(answer.status == 502);
  CHECK(answer.not_processed());
  bench.wait_until_idle();
  CHECK(server.await(h2::type_rst_stream).stream == 1);
  server.say(h2::ping("all said"));
  server.await(h2::type_ping);
  CHECK(server.heard(h2::type_headers) == 1);
}
