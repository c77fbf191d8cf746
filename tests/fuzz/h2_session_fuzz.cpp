// Any bytes of either side: an HTTP/2 session keeps its promises whatever comes, however it is cut.
#include "tests/fuzz/fuzz_check.h"
#include "tests/h2/bench.h"

#include <algorithm>

using namespace drawbridge;

namespace {

// What a server accepts means the same when it is written for an HTTP/1 server: no value leaves its line.
void check_head(const http::HeaderList& headers) {
  for (const auto& header : headers.all()) {
    FUZZ_CHECK(!header.name.empty());
    for (const auto text : {header.name, header.value}) {
      FUZZ_CHECK(text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    }
  }
}

// Answers what is whole, consumes what came, resets now and then.
void serve(h2::Bench& bench, h2::Guest& guest, unsigned& turn) {
  if (guest.closed) return;
  bench.session.consume(guest.id, std::exchange(guest.received, {}).size());
  const bool answered = guest.ends && guest.to_send.empty() && !guest.trailers_to_send.empty();
  if (guest.refusal.status != 0 && !answered) {
    guest.trailers_to_send = "x: y\r\n";
    bench.session.respond(guest.id, "HTTP/1.1 400 Bad Request\r\n\r\n", false);
  } else if (guest.has_head && !answered) {
    check_head(guest.request.headers);
    FUZZ_CHECK(guest.request.http2 && !guest.request.host.empty() && !guest.request.path.empty());
    guest.to_send = std::string(++turn * 97 % 5'000, 'x');
    guest.trailers_to_send = "x: y\r\n";
    bench.session.respond(guest.id, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n", true);
  }
  if (turn % 5 == 4) bench.session.reset(guest.id, http::H2Code::cancel);
}

void serve_all(std::string_view bytes, std::size_t piece) {
  h2::Bench bench(h2::Bench::server_options());
  unsigned turn = 0;
  bool good = true;
  for (std::size_t at = 0; good && at < bytes.size(); at += piece) {
    good = bench.receive(bytes.substr(at, piece));
    for (auto& [id, guest] : bench.guests) serve(bench, *guest, turn);
    bench.take_frames();
  }
  for (const auto& [id, guest] : bench.guests) {
    FUZZ_CHECK(guest->received.size() <= 80'000);
  }
  if (!good) FUZZ_CHECK(bench.session.finished());
  bench.session.connection_lost();
  for (const auto& [id, guest] : bench.guests) FUZZ_CHECK(guest->closed);
}

void ask_all(std::string_view bytes, std::size_t piece) {
  h2::Bench bench(h2::Bench::client_options());
  for (int i = 0; i < 4; ++i) {
    bench.ask(
        {.head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n", .body_follows = i % 2 == 0, .method = http::Method::post},
        std::string(10'000, 'x'));
  }
  bool good = true;
  for (std::size_t at = 0; good && at < bytes.size(); at += piece) {
    good = bench.receive(bytes.substr(at, piece));
    for (auto& [id, guest] : bench.guests) {
      if (!guest->closed) bench.session.consume(id, std::exchange(guest->received, {}).size());
    }
  }
  for (const auto& [id, guest] : bench.guests) {
    // A complete answer is never one that broke a rule.
    if (guest->ended) FUZZ_CHECK(guest->close.rule.empty() && guest->has_head);
    if (guest->has_head) check_head(guest->response.headers);
  }
  bench.session.connection_lost();
  for (const auto& [id, guest] : bench.guests) FUZZ_CHECK(guest->closed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t piece = std::max<std::size_t>(data[1], 1);
  if (data[0] % 2 == 0) {
    serve_all(bytes, piece);
  } else {
    ask_all(bytes, piece);
  }
  return 0;
}
