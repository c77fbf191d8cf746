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

// What the upstream gets for these bytes of a client.
std::string forwarded(const std::string& bytes, ForwardSpec spec = {}) {
  static RequestHead head;
  const auto refusal = parse_request(bytes, HeadLimits{}, head);
  if (refusal) return std::string(refusal->rule);
  spec.client_address = "192.0.2.9";
  std::array<char, 64 * 1024> buffer;
  HeadWriter writer(buffer);
  write_upstream_request(writer, head, spec);
  CHECK_FALSE(writer.overflow());
  CHECK(writer.size() <= bytes.size() + head_growth_max);
  return std::string(writer.view());
}

const std::string tail =
    "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\nVia: 1.1 "
    "drawbridge\r\n\r\n";
const std::string plain = "GET / HTTP/1.1\r\nHost: a.example\r\n";

struct Case {
  const char* name;
  std::string bytes;
  std::string expected;  // without `tail`
};

const std::vector<Case> requests{
    {"fields in their order, ours at the end", wire::get("X-A: 1\r\nx-b:2\r\nX-A:\t3 \r\n"),
     plain + "X-A: 1\r\nx-b: 2\r\nX-A: 3\r\n"},
    {"lines as they came beside lines that are put right",
     wire::get("X-A: 1\r\nX-B: 2\r\nX-C:  3\r\nConnection: X-D\r\nX-D: 4\r\nX-E: 5\r\nX-F:\r\nX-G: 7 "
               "\r\nX-H:8\r\nX-I:\t9\r\nX-J: 10\r\n"),
     plain + "X-A: 1\r\nX-B: 2\r\nX-C: 3\r\nX-E: 5\r\nX-F: \r\nX-G: 7\r\nX-H: 8\r\nX-I: 9\r\nX-J: 10\r\n"},
    {"lines that go between lines that pass",
     wire::get("X-A: 1\r\nConnection: X-B\r\nX-C: 3\r\nX-B: 2\r\nX-D: 4\r\nTE: trailers\r\nX-E: 5\r\n"),
     plain + "X-A: 1\r\nX-C: 3\r\nX-D: 4\r\nX-E: 5\r\n"},
    {"Host first, once", "GET / HTTP/1.1\r\nX: y\r\nhOST:a.example\r\n\r\n", plain + "X: y\r\n"},
    {"absolute-form becomes origin-form", wire::target("http://a.example/b?c"),
     "GET /b?c HTTP/1.1\r\nHost: a.example\r\n"},
    {"the target as it came", wire::target("/%41/../b//c?d=%2f?"),
     "GET /%41/../b//c?d=%2f? HTTP/1.1\r\nHost: a.example\r\n"},
    {"an empty query stays", wire::target("/?"), "GET /? HTTP/1.1\r\nHost: a.example\r\n"},
    {"the method as it came", wire::line("pUrGe / HTTP/1.1"), "pUrGe / HTTP/1.1\r\nHost: a.example\r\n"},
    {"the asterisk", wire::line("OPTIONS http://a.example HTTP/1.1"), "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n"},
    {"one length, in plain digits", wire::post("content-length: 0005\r\n"),
     "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n"},
    {"length zero", wire::post("Content-Length: 0\r\n"),
     "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n"},
    {"one coding, and what it announces", wire::post("Trailer: X-Sum\r\ntransfer-encoding: CHUNKED\r\n"),
     "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"},
    {"no announcement without chunks", wire::get("Trailer: X-Sum\r\n"), plain},
    {"an expectation with a body", wire::post("expect: 100-Continue\r\nContent-Length: 5\r\n"),
     "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"},
    {"no expectation without a body", wire::get("Expect: 100-continue\r\n"), plain},
    {"hop-by-hop fields go",
     wire::get("Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
               "Upgrade: websocket\r\nProxy-Authorization: Basic x\r\nHTTP2-Settings: AAA\r\n"),
     plain},
    {"fields that Connection names go", wire::get("X-A: 1\r\nConnection: x-a, X-B\r\nX-B: 2\r\nX-C: 3\r\n"),
     plain + "X-C: 3\r\n"},
    {"named in a second Connection line", wire::get("Connection: close\r\nConnection: X-A\r\nX-A: 1\r\n"), plain},
    {"all lines of a named field go", wire::get("X-A: 1\r\nConnection: X-A\r\nX-A: 2\r\n"), plain},
    {"credentials that Connection names go", wire::get("Connection: Cookie\r\nCookie: a\r\n"), plain},
    {"Connection cannot take Host away", wire::get("Connection: Host, Via\r\n"), plain},
    {"Connection cannot take a length away", wire::post("Connection: Content-Length\r\nContent-Length: 5\r\n"),
     "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n"},
    {"Connection cannot take a coding away",
     wire::post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n"),
     "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n"},
    {"Connection cannot take our fields away",
     wire::get("Connection: X-Forwarded-For, X-Forwarded-Proto, X-Request-Id\r\n"), plain},
    {"Connection cannot hide a method override",
     wire::get("Connection: X-HTTP-Method-Override\r\nX-HTTP-Method-Override: PUT\r\n"),
     plain + "X-HTTP-Method-Override: PUT\r\n"},
    {"what the client says of addresses goes",
     wire::get(
         "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=x\r\n"
         "X-Request-Id: abcdefgh\r\n"),
     plain},
    {"names in disguise go",
     wire::get("X_Forwarded_For: 10.0.0.1\r\ncontent_length: 5\r\nTransfer_Encoding: "
               "chunked\r\nX_HTTP_Method_Override: PUT\r\n"
               "X-Forwarded_Proto: https\r\nX_Plain: 1\r\n"),
     plain + "X_Plain: 1\r\n"},
    {"a request for options comes one step less far",
     "OPTIONS / HTTP/1.1\r\nHost: a.example\r\nmax-forwards: 010\r\n\r\n",
     "OPTIONS / HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 9\r\n"},
    {"steps of other methods are not counted", wire::get("Max-Forwards: 5\r\n"), plain + "Max-Forwards: 5\r\n"},
    {"an upgrade that the plan does not allow goes", wire::get("Connection: upgrade\r\nUpgrade: websocket\r\n"),
     plain},
};

}  // namespace

TEST_CASE("what an upstream gets is written anew from what was understood") {
  for (const auto& row : requests) {
    CAPTURE(row.name);
    CHECK(forwarded(row.bytes) == row.expected + tail);
  }
}

TEST_CASE("Via is appended to the ones that came and names the version received") {
  CHECK(forwarded(wire::get("Via: 1.0 first\r\n")) == plain + "Via: 1.0 first\r\n" + tail);
  CHECK(forwarded(wire::get_1_0("Host: a.example\r\n")).ends_with("Via: 1.0 drawbridge\r\n\r\n"));
}

TEST_CASE("a trusted proxy's fields are believed and appended to") {
  const auto bytes = wire::get(
      "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
      "X-Forwarded-Host: shop.example\r\nForwarded: for=203.0.113.7\r\n");
  CHECK(forwarded(bytes, {.client_trusted = true}) ==
        plain +
            "X-Forwarded-For: 203.0.113.7, 10.0.0.1, 192.0.2.9\r\nX-Forwarded-Proto: https\r\n"
            "X-Forwarded-Host: shop.example\r\nForwarded: for=203.0.113.7\r\nVia: 1.1 drawbridge\r\n\r\n");
  CHECK(forwarded(wire::get(""), {.client_trusted = true}) == plain + tail);
}

TEST_CASE("an upgrade travels with its option when the plan allows a tunnel") {
  const auto bytes = wire::get("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n");
  const auto text = forwarded(bytes, {.tunnel = true});
  CHECK(text.ends_with("Via: 1.1 drawbridge\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
  CHECK(text.contains("\r\nSec-WebSocket-Key: x\r\n"));
  CHECK_FALSE(forwarded(wire::get("Upgrade: websocket\r\n"), {.tunnel = true}).contains("Upgrade"));
}

TEST_CASE("the site decides about Host, path, identity and fields") {
  const FieldSetting settings[] = {{"X-Site", "shop"}, {"X-A", "new"}};
  const std::string removals[] = {"cookie", "host", "content-length"};
  const auto text = forwarded(
      "POST /app/x?y HTTP/1.1\r\nHost: a.example\r\nx-a: 1\r\nX-A: 2\r\nCookie: c\r\nContent-Length: 0\r\n\r\n",
      {.scheme = "https",
       .request_id = "0123",
       .host = "inner",
       .path = "/x",
       .edits = {.set = settings, .remove = removals}});
  CHECK(text ==
        "POST /x?y HTTP/1.1\r\nHost: inner\r\nX-Site: shop\r\nX-A: new\r\nContent-Length: 0\r\nX-Forwarded-For: "
        "192.0.2.9\r\n"
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example\r\nVia: 1.1 drawbridge\r\nX-Request-Id: "
        "0123\r\n\r\n");
}

TEST_CASE("a client cannot undercut the fields of the site with underscores") {
  const FieldSetting settings[] = {{"X-Site", "shop"}};
  const std::string removals[] = {"X-Debug"};
  const auto text = forwarded(wire::get("X_Site: mine\r\nx_debug: 1\r\nX_Other: 2\r\n"),
                              {.edits = {.set = settings, .remove = removals}});
  CHECK_FALSE(text.contains("mine"));
  CHECK_FALSE(text.contains("x_debug"));
  CHECK(text.contains("X_Other: 2"));
}

TEST_CASE("no configuration takes away what the proxy answers for") {
  const std::string removals[] = {"via", "x-http-method-override"};
  const auto bytes = wire::get("Via: 1.0 first\r\nX-HTTP-Method-Override: PUT\r\n");
  CHECK(forwarded(bytes, {.edits = {.remove = removals}}) ==
        plain + "Via: 1.0 first\r\nX-HTTP-Method-Override: PUT\r\n" + tail);
}

TEST_CASE("a request without Host gets the server's own authority") {
  const auto text = forwarded(wire::get_1_0(""), {.fallback_host = "127.0.0.1:9001"});
  CHECK(text.starts_with("GET / HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n"));
  CHECK_FALSE(text.contains("X-Forwarded-Host"));
}

TEST_CASE("a writer that is too small says so and writes nothing past its end") {
  static RequestHead head;
  const auto bytes = wire::get("X-A: 1\r\n");
  REQUIRE_FALSE(parse_request(bytes, HeadLimits{}, head));
  std::array<char, 256> buffer{};
  HeadWriter whole(buffer);
  write_upstream_request(whole, head, {.client_address = "192.0.2.9"});
  REQUIRE_FALSE(whole.overflow());
  for (std::size_t room = 0; room < whole.size(); ++room) {
    std::array<char, 256> smaller;
    smaller.fill('#');
    HeadWriter writer(std::span(smaller).first(room));
    write_upstream_request(writer, head, {.client_address = "192.0.2.9"});
    CHECK(writer.overflow());
    CHECK(writer.size() <= room);
    CHECK(smaller[room] == '#');
  }
}
