// What a server's answer to a question about its health over HTTP/2 is taken for.
#include "proxy/upstream/h2_probe.h"
#include "tests/h2/frames.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace std::string_literals;
using upstream::H2Question;
using upstream::ProbeKind;

namespace {

struct Row {
  std::string name;
  std::string answer;  // frames
  bool healthy = false;
  std::string reason;
};

const h2::Fields grpc_head{{":status", "200"}, {"content-type", "application/grpc"}};

std::string head() {
  return h2::headers(1, grpc_head, h2::end_headers);
}

std::string message(const std::string& bytes, unsigned flags = 0) {
  return h2::data(1, "\0\0\0\0"s + static_cast<char>(bytes.size()) + bytes, flags);
}

std::string trailers(const h2::Fields& fields) {
  return h2::headers(1, fields);
}

std::string reached(const std::string& message_bytes, const std::string& status) {
  return head() + message(message_bytes) + trailers({{"grpc-status", status}});
}

std::string status_alone(const std::string& status) {
  return h2::headers(1, {{":status", status}});
}

// What it said is in `said`.
H2Question::Answer ask(ProbeKind kind, const std::string& frames, std::string& said) {
  H2Question question({.endpoint = {}, .kind = kind, .path = "/health", .host = "shop"});
  std::array<char, 4096> room;
  const auto take = [&] {
    while (const auto bytes = question.produce(room)) said.append(room.data(), bytes);
  };
  take();
  question.receive(h2::settings() + h2::settings_ack() + frames, {});
  take();
  return question.answer();
}

void check(ProbeKind kind, const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    CAPTURE(row.name);
    std::string said;
    const auto answer = ask(kind, row.answer, said);
    CHECK(answer.healthy == row.healthy);
    CHECK(answer.reason == row.reason);
  }
}

}  // namespace

TEST_CASE("a server of gRPC is healthy if it says that it is serving, and only then") {
  check(ProbeKind::grpc,
        {{"serving", reached("\x08\x01", "0"), true, "serving"},
         {"not serving", reached("\x08\x02", "0"), false, "not serving"},
         {"of a service that it does not know", reached("\x08\x03", "0"), false, "not serving"},
         {"it does not know whether", reached("", "0"), false, "not serving"},
         {"serving, and a failure", reached("\x08\x01", "13"), false, "grpc-status 13"},
         {"unknown service", h2::headers(1, h2::with(grpc_head, {{"grpc-status", "5"}})), false, "grpc-status 5"},
         {"no such method", h2::headers(1, h2::with(grpc_head, {{"grpc-status", "12"}})), false, "grpc-status 12"},
         {"no status", head() + message("\x08\x01", h2::end_stream), false, "grpc-status "},
         {"the status of something else", head() + message("\x08\x01") + trailers({{"x-grpc-status", "0"}}), false,
          "grpc-status "},
         {"something else beside it", head() + message("\x08\x01") + trailers({{"x", "1"}, {"grpc-status", "0"}}),
          true, "serving"},
         {"no gRPC", status_alone("404"), false, "status 404"},
         {"it fails", status_alone("503"), false, "status 503"},
         {"it breaks off", head() + message("\x08\x01") + h2::reset(1), false, "answer broke off"},
         {"not yet whole", head() + message("\x08\x01"), false, "answer broke off"},
         {"it refuses", h2::reset(1, 7), false, "answer broke off"}});
}

TEST_CASE("a server of HTTP/2 is healthy by its status, once its answer is whole") {
  check(ProbeKind::http2,
        {{"200", status_alone("200"), true, "status 200"},
         {"with a body", head() + h2::data(1, "fine"), true, "status 200"},
         {"302", status_alone("302"), true, "status 302"},
         {"404", status_alone("404"), false, "status 404"},
         {"500", status_alone("500"), false, "status 500"},
         {"after an interim answer", h2::headers(1, {{":status", "103"}}, h2::end_headers) + status_alone("500"),
          false, "status 500"},
         {"an interim answer alone", h2::headers(1, {{":status", "103"}}, h2::end_headers), false,
          "answer broke off"},
         {"it breaks off", head() + h2::data(1, "fi", 0) + h2::reset(1), false, "answer broke off"}});
}

TEST_CASE("a server of gRPC is asked for the health of the whole of it, as a call") {
  std::string said;
  ask(ProbeKind::grpc, "", said);
  REQUIRE(said.starts_with(h2::magic));
  said.erase(0, h2::magic.size());
  std::string body;
  for (const auto& frame : h2::take_frames(said)) {
    if (frame.type == h2::type_data) body += frame.payload;
  }
  CHECK(body == "\0\0\0\0\0"s);
}
