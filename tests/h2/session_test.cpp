#include "tests/h2/bench.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <utility>

using namespace drawbridge;
using namespace drawbridge::h2;
using http::H2Code;

namespace {

constexpr std::string_view answer_head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";
constexpr std::string_view request_head =
    "POST /a?b HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";

std::size_t count(const std::vector<Frame>& frames, unsigned type) {
  return static_cast<std::size_t>(std::ranges::count(frames, type, &Frame::type));
}

const Frame& first(const std::vector<Frame>& frames, unsigned type) {
  const auto found = std::ranges::find(frames, type, &Frame::type);
  REQUIRE(found != frames.end());
  return *found;
}

// A client and a server, with the bytes of each given to the other until both are silent.
struct Pair {
  Bench client{Bench::client_options()};
  Bench server{Bench::server_options()};

  void talk() {
    for (bool more = true; more;) {
      client.receive({});
      server.receive({});
      const auto up = std::exchange(client.output, {});
      const auto down = std::exchange(server.output, {});
      server.receive(up);
      client.receive(down);
      more = !up.empty() || !down.empty();
    }
  }
  Guest& ask(bool body_follows, const std::string& body = {}) {
    auto& guest =
        client.ask({.head = request_head, .body_follows = body_follows, .method = http::Method::post}, body);
    talk();
    return guest;
  }
};

}  // namespace

TEST_CASE("a request arrives as HTTP/1 would bring it") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(headers(1, with(get_fields("/a%20b?c=d"), {{"content-type", "x/y"}, {"x-own", "1"}})));
  const auto& head = bench.guest(1).request;
  CHECK(head.http2);
  CHECK(head.method == http::Method::get);
  CHECK(head.target == "/a%20b?c=d");
  CHECK(head.path == "/a%20b");
  CHECK(head.query == "c=d");
  CHECK(head.host == "a.example");
  CHECK(head.authority == "a.example");
  CHECK(head.body.kind == http::Body::Kind::none);
  CHECK(head.headers.value(http::Field::content_type) == "x/y");
  CHECK(head.headers.find("x-own")->value == "1");
  CHECK(bench.guest(1).ended);
}

TEST_CASE("crumbs of a cookie arrive as one field") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(
      headers(1, with(get_fields(), {{"cookie", "a=1"}, {"cookie", "b=2"}, {"x", "y"}, {"cookie", "c=3"}})));
  const auto& fields = bench.guest(1).request.headers;
  CHECK(fields.size() == 2);
  CHECK(fields.value(http::Field::cookie) == "a=1; b=2; c=3");
}

TEST_CASE("a name that becomes one of ours with '_' for '-' is marked not to be forwarded") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(headers(1, with(get_fields(), {{"x_forwarded_for", "1.2.3.4"}})));
  CHECK(bench.guest(1).request.headers.all().front().hop_by_hop);
}

TEST_CASE("an extended CONNECT arrives as the GET of a WebSocket, and its stream is a tunnel") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(headers(1,
                        {{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "http"},
                         {":path", "/chat"},
                         {":authority", "a.example"}},
                        end_headers));
  auto& guest = bench.guest(1);
  CHECK(guest.request.extended_connect);
  CHECK(guest.request.method == http::Method::get);
  CHECK(guest.request.upgrade == "websocket");
  CHECK(guest.request.body.kind == http::Body::Kind::none);
  guest.ends = false;
  guest.to_send = "hello";
  bench.session.respond(1, answer_head, true);
  bench.receive(data(1, "frames", 0));
  CHECK(guest.received == "frames");
  CHECK(first(bench.take_frames(), type_data).payload == "hello");
}

TEST_CASE("without extended CONNECT a :protocol is malformed") {
  auto options = Bench::server_options();
  options.extended_connect = false;
  Bench bench(options);
  bench.greet();
  bench.receive(headers(1, {{":method", "CONNECT"},
                            {":protocol", "websocket"},
                            {":scheme", "http"},
                            {":path", "/"},
                            {":authority", "a"}}));
  CHECK(first(bench.take_frames(), type_rst_stream).code() == static_cast<std::uint32_t>(H2Code::protocol_error));
}

TEST_CASE("request, answer, bodies and trailers arrive on the other side") {
  Pair pair;
  auto& asked = pair.ask(true, std::string(50'000, 'q'));
  auto& served = pair.server.guest(asked.id);
  CHECK(served.request.body.kind == http::Body::Kind::chunked);
  CHECK(served.request.headers.value(http::Field::te) == "trailers");
  CHECK_FALSE(served.request.headers.has(http::Field::transfer_encoding));
  while (!served.ended) {
    pair.server.session.consume(served.id, std::exchange(served.received, {}).size());
    pair.talk();
  }
  served.to_send = std::string(50'000, 'a');
  served.trailers_to_send = "grpc-status: 0\r\nX-Sum: 1\r\n";
  pair.server.session.respond(served.id, answer_head, true);
  std::size_t received = 0;
  while (!asked.closed) {
    pair.talk();
    received += asked.received.size();
    pair.client.session.consume(asked.id, std::exchange(asked.received, {}).size());
  }
  CHECK(received == 50'000);
  CHECK(asked.response.status == 200);
  CHECK(asked.response.body.kind == http::Body::Kind::chunked);
  CHECK(asked.trailers == "grpc-status: 0\r\nx-sum: 1\r\n");
  CHECK(asked.close.code == H2Code::no_error);
  CHECK(served.closed);
}

TEST_CASE("the window opens only by what was consumed") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(post(1) + data(1, std::string(16'000, 'x'), 0));
  CHECK_FALSE(bench.said(type_window_update));
  bench.session.consume(1, 16'000);
  CHECK(bench.said(type_window_update));
}

TEST_CASE("what a closed stream had not consumed is given back to the connection") {
  Bench bench(Bench::server_options());
  bench.greet();
  for (std::uint32_t stream = 1; stream < 9; stream += 2) {
    bench.receive(post(stream) + data(stream, std::string(15'000, 'x'), 0) + reset(stream));
  }
  const auto frames = bench.take_frames();
  CHECK(first(frames, type_window_update).stream == 0);
}

TEST_CASE("a body that has nothing at hand goes on after resume") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(get(1) + get(3));
  auto& slow = bench.guest(1);
  slow.ends = false;
  bench.session.respond(1, answer_head, true);
  bench.guest(3).to_send = "quick";
  bench.session.respond(3, answer_head, true);
  const auto frames = bench.take_frames();
  CHECK(count(frames, type_data) == 1);
  CHECK(first(frames, type_data).stream == 3);
  slow.to_send = "late";
  slow.ends = true;
  bench.session.resume(1);
  CHECK(first(bench.take_frames(), type_data).payload == "late");
}

TEST_CASE("streams take turns, whatever they ask for") {
  Bench bench(Bench::server_options());
  bench.greet();
  for (const std::uint32_t stream : {1U, 3U, 5U}) {
    bench.receive(headers(stream, with(get_fields(), {{"priority", stream == 1 ? "u=0" : "u=7"}})));
  }
  for (const std::uint32_t stream : {1U, 3U, 5U}) {
    bench.guest(stream).to_send = std::string(20'000, 'x');
    bench.session.respond(stream, answer_head, true);
  }
  std::vector<std::uint32_t> order;
  for (const auto& frame : bench.take_frames()) {
    if (frame.type == type_data && !frame.payload.empty()) order.push_back(frame.stream);
  }
  REQUIRE(order.size() >= 4);
  CHECK(std::set<std::uint32_t>(order.begin(), order.begin() + 3) == std::set<std::uint32_t>{1, 3, 5});
}

TEST_CASE("an interim answer comes before the final one") {
  Pair pair;
  auto& asked = pair.ask(false);
  pair.server.session.respond_interim(asked.id, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  pair.talk();
  CHECK(asked.interim == std::vector<std::uint16_t>{103});
  CHECK_FALSE(asked.has_head);
  pair.server.session.respond(asked.id, answer_head, false);
  pair.talk();
  CHECK(asked.response.status == 200);
  CHECK(asked.ended);
}

TEST_CASE("GOAWAY in two steps: what is on its way is still served, later streams are not") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(get(1));
  bench.session.begin_shutdown();
  auto frames = bench.take_frames();
  CHECK(first(frames, type_goaway).payload == u32(0x7fff'ffff) + u32(0));
  const auto asked = first(frames, type_ping);
  bench.receive(get(3) + ping(asked.payload, ack));
  CHECK(bench.guest(3).has_head);
  CHECK(first(bench.take_frames(), type_goaway).payload == u32(3) + u32(0));
  bench.receive(get(5));
  CHECK_FALSE(bench.guests.contains(5));
  CHECK_FALSE(bench.session.finished());
  bench.session.respond(1, answer_head, false);
  bench.session.respond(3, answer_head, false);
  bench.take_frames();
  CHECK(bench.session.finished());
}

TEST_CASE("a shutdown does not depend on the answer to its PING") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.session.begin_shutdown();
  bench.take_frames();
  bench.session.end_shutdown();
  CHECK(bench.said(type_goaway));
  CHECK(bench.session.finished());
}

TEST_CASE("our SETTINGS name the bound on streams that is kept, and what is above it costs nobody else anything") {
  Bench bench(Bench::server_options());
  const auto frames = bench.take_frames();
  REQUIRE(frames.front().type == type_settings);
  CHECK(frames.front().payload.contains("\0\3\0\0\0\x0a"s));
  bench.greet();
  for (std::uint32_t i = 0; i < 10; ++i) bench.receive(post(2 * i + 1));
  for (std::uint32_t i = 10; i < 20; ++i) {
    bench.receive(get(2 * i + 1));
    const auto refused = first(bench.take_frames(), type_rst_stream);
    CHECK(refused.stream == 2 * i + 1);
    CHECK(refused.code() == static_cast<std::uint32_t>(H2Code::refused_stream));
  }
  CHECK(bench.guests.size() == 10);
  bench.receive(data(1, "x"));
  CHECK(bench.guest(1).ended);
}

TEST_CASE("a client that goes on to open more than it may has its connection ended") {
  Bench bench(Bench::server_options());
  bench.greet();
  bool good = true;
  std::uint32_t opened = 0;
  for (; good && opened < 2'000; ++opened) good = bench.receive(post(2 * opened + 1));
  CHECK_FALSE(good);
  CHECK(bench.abuses == std::vector<std::string>{"resets"});
  CHECK(bench.session.finished());
}

TEST_CASE("what the last GOAWAY leaves out is refused, also before it has left: its client may send it again") {
  for (const bool at_once : {false, true}) {
    CAPTURE(at_once);
    Bench bench(Bench::server_options());
    bench.greet();
    bench.receive(get(1));
    at_once ? bench.session.terminate(H2Code::no_error) : bench.session.end_shutdown();
    bench.receive(post(3) + data(3, "x"));
    CHECK(first(bench.take_frames(), type_goaway).payload == u32(1) + u32(0));
    CHECK_FALSE(bench.guests.contains(3));
  }
}

TEST_CASE("a stream that nobody takes is refused so that it can be sent again") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.refuse_all = true;
  bench.receive(post(1) + data(1, "x"));
  const auto frames = bench.take_frames();
  CHECK(first(frames, type_rst_stream).code() == static_cast<std::uint32_t>(H2Code::refused_stream));
  CHECK(count(frames, type_goaway) == 0);
}

TEST_CASE("a client keeps to the server's bound on streams") {
  Bench bench(Bench::client_options());
  bench.receive(settings({{3, 2}}) + settings_ack());
  bench.ask({.head = request_head});
  bench.ask({.head = request_head});
  Guest another;
  CHECK_FALSE(bench.session.can_open());
  CHECK_FALSE(bench.session.request({.head = request_head}, another).has_value());
}

TEST_CASE("what a server certainly did not process says so") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& refused = bench.ask({.head = request_head});
  auto& cancelled = bench.ask({.head = request_head});
  auto& kept = bench.ask({.head = request_head});
  auto& left_out = bench.ask({.head = request_head});
  bench.take_frames();
  bench.receive(reset(refused.id, static_cast<std::uint32_t>(H2Code::refused_stream)) + reset(cancelled.id) +
                goaway(kept.id, 0));
  CHECK(refused.close.not_processed);
  CHECK(cancelled.closed);
  CHECK_FALSE(cancelled.close.not_processed);
  CHECK(left_out.closed);
  CHECK(left_out.close.not_processed);
  CHECK_FALSE(kept.closed);
  CHECK_FALSE(bench.session.can_open());
  CHECK(bench.goaways.front() == std::pair(kept.id, H2Code::no_error));
}

TEST_CASE("when the connection is lost each stream hears of it, and which requests had not left") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& sent = bench.ask({.head = request_head});
  bench.take_frames();
  auto& waiting = bench.ask({.head = request_head});
  bench.session.connection_lost();
  CHECK(sent.closed);
  CHECK_FALSE(sent.close.not_processed);
  CHECK(waiting.closed);
  CHECK(waiting.close.not_processed);
}

TEST_CASE("a request that is taken back before it has left is never sent") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& guest = bench.ask({.head = request_head});
  bench.session.reset(guest.id, H2Code::cancel);
  CHECK_FALSE(bench.said(type_headers));
  CHECK(guest.closed);
  CHECK(guest.close.not_processed);
}

TEST_CASE("of a stream that was reset nothing is heard any more but its end, whatever is still on its way") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& guest = bench.ask({.head = request_head});
  CHECK(bench.said(type_headers));
  bench.session.reset(guest.id, H2Code::cancel);
  const auto interim = headers(guest.id, {{":status", "103"}}, end_headers);
  const auto final = headers(guest.id, {{":status", "200"}}, end_headers);
  bench.session.receive(interim + interim + final + data(guest.id, std::string(10'000, 'x')), bench.now);
  CHECK(guest.interim.empty());
  CHECK_FALSE(guest.has_head);
  CHECK(guest.received.empty());
  CHECK_FALSE(guest.ended);
  CHECK(bench.receive(ping("12345678")));
  CHECK(guest.closed);
}

TEST_CASE("a PING of ours comes back with its token") {
  Pair pair;
  pair.client.session.ping(42);
  pair.talk();
  CHECK(pair.client.pongs == std::vector<std::uint64_t>{42});
}

TEST_CASE("an output buffer of any size gives the same bytes") {
  const auto said = [](std::size_t room) {
    Bench bench(Bench::server_options());
    bench.greet();
    bench.receive(get(1));
    bench.guest(1).to_send = std::string(40'000, 'x');
    bench.session.respond(1, "HTTP/1.1 200 OK\r\nX: " + std::string(9'000, 'y') + "\r\n\r\n", true);
    std::string all;
    std::vector<char> buffer(room);
    while (const auto bytes = bench.session.produce(buffer)) all.append(buffer.data(), bytes);
    std::string body;
    for (const auto& frame : h2::take_frames(all)) {
      if (frame.type == type_data) body += frame.payload;
    }
    CHECK(all.empty());
    return body;
  };
  const std::string whole_body(40'000, 'x');
  for (const std::size_t room : {2'048U, 2'500U, 16'384U, 65'536U}) CHECK(said(room) == whole_body);
}
