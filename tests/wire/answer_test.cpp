#include "proxy/http/forward.h"
#include "proxy/http/reader.h"
#include "tests/wire/wire_case.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

struct Client {
  std::uint8_t minor_version = 1;
  bool keep_alive = true;
  Asked asked = {};
};

// What the client gets for these bytes of an upstream.
std::string relayed(const std::string& bytes, const Client& client = {}, const ResponseSpec& given = {}) {
  static ResponseHead head;
  const auto refusal = parse_response(bytes, client.asked, HeadLimits{}, head);
  if (refusal) return std::string(refusal->rule);
  const auto framing = frame_response(head, client.minor_version);
  auto spec = given;
  spec.client_minor_version = client.minor_version;
  spec.body = framing.body;
  spec.keep_alive = client.keep_alive && !framing.must_close;
  std::array<char, 64 * 1024> buffer;
  HeadWriter writer(buffer);
  write_client_response(writer, head, spec);
  CHECK_FALSE(writer.overflow());
  CHECK(writer.size() <= bytes.size() + head_growth_max);
  return std::string(writer.view());
}

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string via = "Via: 1.1 drawbridge\r\n";

struct Case {
  const char* name;
  std::string bytes;
  Client client;
  std::string expected;
};

const Client http_1_0{.minor_version = 0};
const Client http_1_0_closing{.minor_version = 0, .keep_alive = false};
const Client closing{.keep_alive = false};
const Client head_request{.asked = {.method = Method::head}};

const std::vector<Case> answers{
    {"sized",
     wire::answer("content-length: 005\r\nX:y\r\n"),
     {},
     ok + "X: y\r\nContent-Length: 5\r\n" + via + "\r\n"},
    {"chunked",
     wire::answer("Transfer-Encoding: Chunked\r\n"),
     {},
     ok + "Transfer-Encoding: chunked\r\n" + via + "\r\n"},
    {"until close becomes chunked", wire::answer(""), {}, ok + "Transfer-Encoding: chunked\r\n" + via + "\r\n"},
    {"until close stays so for HTTP/1.0", wire::answer(""), http_1_0, ok + via + "Connection: close\r\n\r\n"},
    {"chunked becomes until close for HTTP/1.0", wire::answer("Transfer-Encoding: chunked\r\nTrailer: X\r\n"),
     http_1_0, ok + via + "Connection: close\r\n\r\n"},
    {"sized for HTTP/1.0, kept", wire::answer("Content-Length: 5\r\n"), http_1_0,
     ok + "Content-Length: 5\r\n" + via + "Connection: keep-alive\r\n\r\n"},
    {"sized for HTTP/1.0, closed", wire::answer("Content-Length: 5\r\n"), http_1_0_closing,
     ok + "Content-Length: 5\r\n" + via + "Connection: close\r\n\r\n"},
    {"sized for HTTP/1.1, closed", wire::answer("Content-Length: 5\r\n"), closing,
     ok + "Content-Length: 5\r\n" + via + "Connection: close\r\n\r\n"},
    {"the upstream's persistence is its own",
     wire::answer("Content-Length: 5\r\nConnection: close, X-A\r\nKeep-Alive: timeout=5\r\nX-A: "
                  "1\r\nProxy-Connection: close\r\n"),
     {},
     ok + "Content-Length: 5\r\n" + via + "\r\n"},
    {"Connection cannot take the framing away",
     wire::answer("Content-Length: 5\r\nConnection: Content-Length\r\n"),
     {},
     ok + "Content-Length: 5\r\n" + via + "\r\n"},
    {"an upgrade offered in passing goes",
     wire::answer("Content-Length: 0\r\nUpgrade: h2\r\nConnection: Upgrade\r\n"),
     {},
     ok + "Content-Length: 0\r\n" + via + "\r\n"},
    {"HEAD keeps the length", wire::answer("Content-Length: 5\r\n"), head_request,
     ok + "Content-Length: 5\r\n" + via + "\r\n"},
    {"HEAD without a length", wire::answer("Transfer-Encoding: chunked\r\n"), head_request, ok + via + "\r\n"},
    {"304 keeps the length",
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
     {},
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" + via + "\r\n"},
    {"204 has no length",
     "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
     {},
     "HTTP/1.1 204 No Content\r\n" + via + "\r\n"},
    {"an older upstream is spoken of in Via",
     "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n",
     {},
     "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nVia: 1.0 drawbridge\r\n\r\n"},
    {"no reason",
     "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
     {},
     "HTTP/1.1 200 \r\nContent-Length: 0\r\n" + via + "\r\n"},
    {"space before a colon is taken away",
     wire::answer("X : a\r\nContent-Length: 0\r\n"),
     {},
     ok + "X: a\r\nContent-Length: 0\r\n" + via + "\r\n"},
    {"interim",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
     {},
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"},
    {"switching",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
     "x\r\n\r\n",
     {.asked = {.method = Method::get, .upgrade = "websocket"}},
     "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\nUpgrade: "
     "websocket\r\n\r\n"},
    {"426 names the protocol",
     "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
     {},
     "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n" + via +
         "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {"repeated fields stay apart",
     wire::answer("Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n"),
     {},
     ok + "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n" + via + "\r\n"},
    {"trailers are announced where they can come",
     wire::answer("Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n"),
     {},
     ok + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n" + via + "\r\n"},
};

}  // namespace

TEST_CASE("what a client gets is written anew from what the upstream meant") {
  for (const auto& row : answers) {
    CAPTURE(row.name);
    CHECK(relayed(row.bytes, row.client) == row.expected);
  }
}

TEST_CASE("a response without Date gets one, another keeps its own") {
  const ResponseSpec spec{.date = "Sun, 06 Nov 1994 08:49:37 GMT"};
  CHECK(relayed(wire::answer("Content-Length: 0\r\n"), {}, spec)
            .contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  const auto kept = relayed(wire::answer("date: Mon, 07 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n"), {}, spec);
  CHECK(kept.contains("\r\ndate: Mon, 07 Nov 1994 08:49:37 GMT\r\n"));
  CHECK_FALSE(kept.contains("Sun,"));
  CHECK_FALSE(relayed("HTTP/1.1 100 Continue\r\n\r\n", {}, spec).contains("Date"));
}

TEST_CASE("the site decides about fields and identity of a response") {
  const FieldSetting settings[] = {{"Cache-Control", "no-store"}};
  const std::string removals[] = {"server"};
  const ResponseSpec spec{.request_id = "0123", .edits = {.set = settings, .remove = removals}};
  CHECK(relayed(wire::answer("Server: x\r\nX-Request-Id: theirs\r\ncache-control: public\r\nContent-Length: 0\r\n"),
                {}, spec) ==
        ok + "Cache-Control: no-store\r\nContent-Length: 0\r\n" + via + "X-Request-Id: 0123\r\n\r\n");
}

TEST_CASE("a server's word that nothing was processed is passed on only where it is known to be true") {
  const auto bytes = ok + "Drawbridge-Not-Processed: 1\r\nContent-Length: 0\r\n\r\n";
  CHECK(relayed(bytes).find("Not-Processed") == std::string::npos);
  CHECK(relayed(bytes, {}, {.not_processed = true}).find("Drawbridge-Not-Processed: 1\r\n") != std::string::npos);
  const auto hint = std::string("HTTP/1.1 103 Early Hints\r\nDrawbridge-Not-Processed: 1\r\nLink: </a>\r\n\r\n");
  CHECK(relayed(hint, {}, {.not_processed = true}).find("Not-Processed") == std::string::npos);
}
