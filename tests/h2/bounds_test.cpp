#include "tests/h2/bench.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>

using namespace drawbridge;
using namespace drawbridge::h2;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view whole_answer = "HTTP/1.1 200 OK\r\n\r\n";

std::uint32_t burst(http::H2Excess excess) {
  return http::h2_bounds[static_cast<std::size_t>(excess)].burst;
}

// One frame more than the burst, each made by `next`; what the session then says of it.
struct Flood {
  http::H2Excess excess;
  std::function<std::string(std::uint32_t)> next;
};

http::H2StreamId nth(std::uint32_t i) {
  return 2 * i + 1;
}

const std::vector<Flood> floods{
    {http::H2Excess::settings, [](std::uint32_t) { return settings(); }},
    {http::H2Excess::pings, [](std::uint32_t) { return ping("drawbrdg"); }},
    {http::H2Excess::priorities, [](std::uint32_t i) { return priority(nth(i), 0); }},
    {http::H2Excess::other_frames, [](std::uint32_t) { return frame(0x77, 0, 0, {}); }},
    {http::H2Excess::empty_frames, [](std::uint32_t i) { return i == 0 ? post(1) : data(1, {}, 0); }},
    {http::H2Excess::resets, [](std::uint32_t i) { return get(nth(i)) + reset(nth(i)); }},
};

}  // namespace

TEST_CASE("what comes more often than its bound ends the connection: ENHANCE_YOUR_CALM") {
  for (const auto& flood : floods) {
    const auto& bound = http::h2_bounds[static_cast<std::size_t>(flood.excess)];
    CAPTURE(bound.name);
    Bench bench(Bench::server_options());
    bench.greet();
    bool good = true;
    std::uint32_t taken = 0;
    for (; good && taken < bound.burst + 5; ++taken) good = bench.receive(flood.next(taken));
    CHECK_FALSE(good);
    CHECK(taken > bound.burst - 2);
    REQUIRE(bench.abuses.size() == 1);
    CHECK(bench.abuses.front() == bound.name);
    const auto frames = bench.take_frames();
    REQUIRE_FALSE(frames.empty());
    CHECK(frames.back().type == type_goaway);
    CHECK(frames.back().code() == static_cast<std::uint32_t>(http::H2Code::enhance_your_calm));
    CHECK(bench.session.finished());
  }
}

TEST_CASE("what comes at the pace of its bound may come for ever") {
  for (const auto& flood : floods) {
    const auto& bound = http::h2_bounds[static_cast<std::size_t>(flood.excess)];
    CAPTURE(bound.name);
    Bench bench(Bench::server_options());
    bench.greet();
    bool good = true;
    for (std::uint32_t i = 0; good && i < 3 * bound.burst; ++i) {
      good = bench.receive(flood.next(i));
      bench.now += std::chrono::ceil<std::chrono::nanoseconds>(1s) / bound.per_second + 1us;
    }
    CHECK(good);
  }
}

TEST_CASE("a header block in frames without end is cut off") {
  Bench bench(Bench::server_options());
  bench.greet();
  bool good = bench.receive(frame(type_headers, end_stream, 1, block(get_fields())));
  std::uint32_t frames = 0;
  for (; good && frames < 100; ++frames) good = bench.receive(frame(type_continuation, 0, 1, block({{"x", "y"}})));
  CHECK(frames == burst(http::H2Excess::continuations) + 1);
  CHECK(bench.abuses == std::vector<std::string>{"continuations"});
}

TEST_CASE("what is counted of a header block is counted anew for each") {
  Bench bench(Bench::server_options());
  bench.greet();
  for (std::uint32_t i = 0; i < 100; ++i) {
    auto bytes = frame(type_headers, end_stream, nth(i), block(get_fields()));
    for (int more = 0; more < 5; ++more) bytes += frame(type_continuation, 0, nth(i), block({{"x", "y"}}));
    bytes += frame(type_continuation, end_headers, nth(i), block({{"x", std::string(9'000, 'y')}}));
    REQUIRE(bench.receive(bytes));
    bench.session.respond(nth(i), whole_answer, false);
    bench.take_frames();
  }
  CHECK(bench.abuses.empty());
}

TEST_CASE("one-byte pieces of CONTINUATION are no flood") {
  Bench bench(Bench::server_options());
  bench.greet();
  auto bytes = frame(type_headers, end_stream, 1, block(get_fields()));
  for (int i = 0; i < 6; ++i) bytes += frame(type_continuation, 0, 1, block({{"x", "y"}}));
  CHECK(bench.receive(bytes + frame(type_continuation, end_headers, 1, {}), 1));
  CHECK(bench.guest(1).has_head);
}

TEST_CASE("a few bytes that decompress to a large head are refused, and many of them end the connection") {
  // A field of 4,000 bytes enters the table once; each further byte is that field again.
  const auto bomb = [](std::size_t times) {
    return "\x82\x86\x84\x41\x01"s + "a\x40\x01x\x7f\xa1\x1e" + std::string(4'000, 'b') +
           std::string(times, '\xbe');
  };
  Bench small(Bench::server_options());
  small.greet();
  CHECK(small.receive(frame(type_headers, whole_request, 1, bomb(20))));
  CHECK(small.guest(1).refusal.status == 431);

  Bench large(Bench::server_options());
  large.greet();
  CHECK_FALSE(large.receive(frame(type_headers, whole_request, 1, bomb(8'000))));
  CHECK(large.abuses == std::vector<std::string>{"head_bytes"});
}

TEST_CASE("resets that a client has us send count like its own") {
  Bench bench(Bench::server_options());
  bench.greet();
  bool good = true;
  std::uint32_t i = 0;
  for (; good && i < 1'000; ++i) good = bench.receive(headers(nth(i), with(get_fields(), {{"x", " bad"}})));
  CHECK_FALSE(good);
  CHECK(i <= burst(http::H2Excess::resets) + 2);
  CHECK(bench.abuses == std::vector<std::string>{"resets"});
}

TEST_CASE("a window that is opened by the byte is not served by the byte for ever") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(settings({{4, 0}}) + get(1));
  bench.guest(1).to_send = std::string(100'000, 'x');
  bench.session.respond(1, whole_answer, true);
  bool good = true;
  std::uint32_t i = 0;
  for (; good && i < 10'000; ++i) good = bench.receive(window_update(1, 1));
  CHECK_FALSE(good);
  CHECK(i <= burst(http::H2Excess::tiny_frames) + 2);
  CHECK(bench.abuses == std::vector<std::string>{"tiny_frames"});
}

TEST_CASE("small messages in small windows are no dribble") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(settings({{4, 10}}) + get(1));
  auto& guest = bench.guest(1);
  guest.ends = false;
  bench.session.respond(1, whole_answer, true);
  for (int i = 0; i < 10'000; ++i) {
    guest.to_send = "event";
    bench.session.resume(1);
    REQUIRE(bench.receive(window_update(1, 5)));
    bench.take_frames();
  }
  CHECK(guest.to_send.empty());
}

TEST_CASE("no more is pulled than the window and the output take") {
  Bench bench(Bench::server_options());
  bench.greet();
  bench.receive(get(1));
  auto& guest = bench.guest(1);
  guest.to_send = std::string(1'000'000, 'x');
  bench.session.respond(1, whole_answer, true);
  std::array<char, 4'096> output;
  CHECK(bench.session.produce(output) <= output.size());
  CHECK(guest.to_send.size() >= 1'000'000 - output.size());
  while (bench.session.produce(output) > 0) continue;
  CHECK(guest.to_send.size() >= 1'000'000 - 65'535);
  CHECK(guest.to_send.size() < 1'000'000 - 65'535 + output.size());
}

TEST_CASE("docs/HTTP.md shows the bounds as they are") {
  std::ifstream file(DRAWBRIDGE_DOCS "/HTTP.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& bound : http::h2_bounds) {
    const auto pace = bound.per_second != 0 ? std::to_string(bound.per_second) : "–";
    const auto row =
        fmt::format("| `{}` | {} | {} | {} | {} |\n", bound.name, bound.burst, pace, bound.answers, bound.why);
    CAPTURE(row);
    CHECK(text.contains(row));
  }
}

TEST_CASE("each bound says which attack it answers") {
  for (const auto& bound : http::h2_bounds) {
    CAPTURE(bound.name);
    CHECK(bound.answers.starts_with("CVE-"));
    CHECK_FALSE(bound.why.empty());
    CHECK(bound.burst > 0);
  }
}
