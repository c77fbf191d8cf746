#include "tests/h2/bench.h"
#include "tests/h2/case.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

using namespace drawbridge;
using namespace drawbridge::h2;

namespace {

constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";

// Answers each request that has come to its end, and takes its body.
class Server {
 public:
  Server() : bench(Bench::server_options()) {}

  void receive(std::string_view bytes, std::size_t piece) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      if (!bench.receive(bytes.substr(at, piece), piece)) return;
      for (auto& [id, guest] : bench.guests) serve(*guest);
      bench.receive({});
    }
  }

  std::string verdict() {
    const auto frames = bench.take_frames();
    for (const auto& frame : frames) {
      if (frame.type == type_goaway)
        return fmt::format("connection {}", http::name(static_cast<http::H2Code>(frame.code())));
    }
    for (const auto& frame : frames) {
      if (frame.type == type_rst_stream)
        return fmt::format("stream {}", http::name(static_cast<http::H2Code>(frame.code())));
    }
    for (const auto& [id, guest] : bench.guests) {
      if (guest->refusal.status != 0) return fmt::format("answer {}", guest->refusal.status);
    }
    return fmt::format("{}requests {}", bench.session.finished() ? "last " : "", whole_answers(frames));
  }

  Bench bench;

 private:
  void serve(Guest& guest) {
    if (guest.closed || served_.contains(guest.id)) return;
    const bool connect = guest.has_head && guest.request.extended_connect;
    if (!guest.has_head || !(guest.ended || connect)) return;
    served_.insert(guest.id);
    guest.to_send = "drawbrdg";
    bench.session.consume(guest.id, guest.received.size());
    bench.session.respond(guest.id, answer, guest.request.method != http::Method::head);
  }

  static int whole_answers(const std::vector<Frame>& frames) {
    int ends = 0;
    for (const auto& frame : frames) {
      const bool message = frame.type == type_headers || frame.type == type_data;
      if (message && (frame.flags & end_stream) != 0) ++ends;
    }
    return ends;
  }

  std::set<http::H2StreamId> served_;
};

std::string verdict_on(const Case& row, std::size_t piece) {
  Server server;
  server.receive(magic + settings(), piece);
  server.receive(row.bytes, piece);
  auto verdict = server.verdict();
  if (verdict.starts_with("connection") || verdict.starts_with("last")) {
    CHECK(server.bench.session.finished());
  } else {
    CHECK_FALSE(server.bench.session.finished());
    server.receive(ping("stillup!"), piece);
    CHECK(server.bench.said(type_ping));
  }
  return verdict;
}

}  // namespace

TEST_CASE("each row of the tables gets its reaction, however the bytes are cut") {
  for (const auto* table : {&connection_cases, &message_cases}) {
    for (const auto& row : *table) {
      CAPTURE(row.name);
      CAPTURE(row.section);
      CHECK(verdict_on(row, 65'536) == row.expected);
      CHECK(verdict_on(row, row.bytes.size() < 1'000 ? 1 : 1'000) == row.expected);
    }
  }
}

TEST_CASE("the tables hold at least 100 rows, each with its own name and its section") {
  std::set<std::string> names;
  for (const auto* table : {&connection_cases, &message_cases}) {
    for (const auto& row : *table) {
      CAPTURE(row.name);
      CHECK(names.insert(row.name).second);
      CHECK_FALSE(row.section.empty());
    }
  }
  CHECK(names.size() >= 100);
}

TEST_CASE("a connection that does not begin with the preface gets GOAWAY and ends") {
  Bench bench(Bench::server_options());
  CHECK_FALSE(bench.receive("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
  CHECK(bench.said(type_goaway));
  CHECK(bench.session.finished());
}

TEST_CASE("behind the preface only SETTINGS may come") {
  Bench bench(Bench::server_options());
  bench.receive(magic + ping("drawbrdg"));
  CHECK(bench.said(type_goaway));
  CHECK(bench.session.finished());
}
