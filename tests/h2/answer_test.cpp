// What servers answer over HTTP/2, and what a client's session makes of it.
#include "tests/h2/bench.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::h2;
using http::H2Code;

namespace {

constexpr std::string_view request_head = "GET /a?b HTTP/1.1\r\nHost: a.example\r\n\r\n";

// Fields are literals without Huffman, as block() makes them, or a status of the static table.
std::string status(const std::string& code) {
  return block({{":status", code}});
}

std::uint32_t code_of(const std::vector<Frame>& frames, unsigned type) {
  const auto found = std::ranges::find(frames, type, &Frame::type);
  REQUIRE(found != frames.end());
  return found->code();
}

}  // namespace

TEST_CASE("who abandons a stream hears nothing of it any more") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& guest = bench.ask({.head = request_head, .body_follows = true}, "body");
  auto& unsent = bench.ask({.head = request_head});
  bench.session.abandon(unsent.id, H2Code::cancel);
  bench.take_frames();
  bench.receive(frame(type_headers, end_headers, guest.id, status("200")));
  bench.session.abandon(guest.id, H2Code::cancel);
  guest.to_send = "more";
  bench.receive(data(guest.id, "late") + window_update(guest.id, 10));
  CHECK(bench.said(type_rst_stream));
  CHECK(guest.received.empty());
  CHECK_FALSE(guest.closed);
  CHECK_FALSE(unsent.closed);
  CHECK(bench.session.streams_open() == 0);
}

TEST_CASE("an answer that breaks a rule resets its stream and names the rule") {
  struct Row {
    std::string name;
    std::string bytes;
    std::string rule;
  };
  const std::vector<Row> rows{
      {"no status", block({{"x", "y"}}), "h2_message"},
      {"a status of letters", status("abc"), "h2_message"},
      {"a status beyond 599", status("600"), "status_code"},
      {"101", status("101"), "h2_message"},
      {"a pseudo-field of requests", status("200") + block({{":path", "/"}}), "h2_message"},
      {"Connection", status("200") + block({{"connection", "close"}}), "h2_message"},
      {"an upper-case name", status("200") + block({{"X", "y"}}), "h2_message"},
      {"a value with LF", status("200") + block({{"x", "a\nb"}}), "h2_field_value"},
      {"two lengths", status("200") + block({{"content-length", "1"}, {"content-length", "1"}}), "h2_message"},
      {"too many fields", status("200") + block(Fields(101, {"x", "y"})), "too_many_fields"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    Bench bench(Bench::client_options());
    bench.greet();
    auto& guest = bench.ask({.head = request_head});
    bench.take_frames();
    bench.receive(frame(type_headers, end_headers, guest.id, row.bytes));
    CHECK_FALSE(guest.has_head);
    CHECK(guest.closed);
    CHECK(guest.close.rule == row.rule);
    CHECK(code_of(bench.take_frames(), type_rst_stream) == static_cast<std::uint32_t>(H2Code::protocol_error));
  }
}

TEST_CASE("an answer shorter or longer than announced is no whole answer") {
  for (const std::string body : {"abc", "abcde"}) {
    CAPTURE(body);
    Bench bench(Bench::client_options());
    bench.greet();
    auto& guest = bench.ask({.head = request_head});
    bench.take_frames();
    bench.receive(frame(type_headers, end_headers, guest.id, status("200") + block({{"content-length", "4"}})) +
                  data(guest.id, body));
    CHECK_FALSE(guest.ended);
    CHECK(guest.closed);
    CHECK(guest.close.rule == "h2_length");
  }
}

TEST_CASE("an answer to HEAD has no body, whatever it announces") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& guest = bench.ask({.head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", .method = http::Method::head});
  bench.take_frames();
  bench.receive(frame(type_headers, whole_request, guest.id, status("200") + block({{"content-length", "4"}})));
  CHECK(guest.ended);
  CHECK(guest.response.body.kind == http::Body::Kind::none);
  CHECK(guest.response.content_length == 4);
}

TEST_CASE("a push that was forbidden ends the connection") {
  Bench bench(Bench::client_options());
  bench.greet();
  auto& guest = bench.ask({.head = request_head});
  bench.take_frames();
  bench.receive(frame(type_push_promise, end_headers, guest.id, u32(2) + block(get_fields())));
  CHECK(code_of(bench.take_frames(), type_goaway) == static_cast<std::uint32_t>(H2Code::protocol_error));
}

TEST_CASE("what is different in each message takes no place in the other side's table of fields") {
  Bench bench(Bench::client_options());
  bench.greet();
  const auto bytes_of_head_with = [&](const std::string& field) {
    const auto head = "GET / HTTP/1.1\r\nHost: a.example\r\n" + field + "\r\n\r\n";
    bench.ask({.head = head});
    const auto said = bench.take_frames();
    const auto found = std::ranges::find(said, static_cast<unsigned>(type_headers), &Frame::type);
    REQUIRE(found != said.end());
    return found->payload.size();
  };
  bytes_of_head_with("A: b");
  const auto lasting = bytes_of_head_with("X-Lasting: 0123456789abcdef");
  CHECK(bytes_of_head_with("X-Lasting: 0123456789abcdef") < lasting / 2);
  // The first, for its name.
  const auto first = bytes_of_head_with("X-Request-Id: fedcba9876543210");
  const auto id = bytes_of_head_with("X-Request-Id: 0123456789abcdef");
  CHECK(id < first);
  CHECK(bytes_of_head_with("X-Request-Id: 0123456789abcdef") == id);
}
