#include "tests/loop/transport.h"
#include "tests/stage/naive_reader.h"
#include "tests/stage/reconcile.h"
#include "tests/stage/request_judge.h"
#include "tests/stage/stage.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge::stage;

namespace {

#define ANSWER "\xFF@"
#define EARLY_ANSWER \
  "\xFF"             \
  "A"
#define LAST_ANSWER "\xFFP"  // the server closes after it
#define PAUSE "\xFE"

struct Row {
  const char* name;
  std::string_view text;      // tests/stage/script.h
  std::string_view statuses;  // of the responses that the client reads, interim ones included
  std::string_view seen;      // by all servers: "METHOD target body"
};

const Row rows[] = {
    {"requests are answered in order on one connection",
     "@GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /3 "
     "HTTP/1.1\r\nHost: a\r\n\r\n" ANSWER "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" ANSWER
     "HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\nx",
     "201 202 200", "GET /1;POST /2 ab;GET /3;"},
    {"a chunked body goes up in chunks of our own",
     "@POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n002;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\nGET /2 "
     "HTTP/1.1\r\nHost: a\r\n\r\n",
     "200 200", "POST / abc;GET /2;"},
    {"interim responses go before the final one",
     "@POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n" PAUSE "ab" EARLY_ANSWER
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" PAUSE
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     "100 103 200", "POST / ab;"},
    {"HEAD, 204 and 304 have no body whatever they say",
     "@HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
     "a\r\n\r\n" ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" ANSWER
     "HTTP/1.1 204 No Content\r\n\r\n" ANSWER "HTTP/1.1 304 Not Modified\r\n\r\n",
     "200 204 304", "HEAD /1;GET /2;GET /3;"},
    {"an answer that ends with its connection is whole",
     "@GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n" LAST_ANSWER
     "HTTP/1.1 200 OK\r\n\r\nbody",
     "200 200", "GET /;GET /2;"},
    {"an answer cut short ends the client's connection",
     "@GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n" LAST_ANSWER
     "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
     "200", "GET /;"},
    {"chunks that stop early are not ended for the client either",
     "@GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n" LAST_ANSWER
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
     "200", "GET /;"},
    {"a client that asks to close is answered and closed",
     "@GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "200", "GET /;"},
    {"a hold answers nothing; its end lets all go on in order",
     "\x10"
     "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nxGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
     "200 200", "POST /1 x;GET /2;"},
    {"what is no answer becomes 502 and poisons nothing",
     "@GET / HTTP/1.1\r\nHost: a\r\n\r\n" ANSWER
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "502", "GET /;"},
    {"bytes after an answer are nobody's",
     "@GET / HTTP/1.1\r\nHost: a\r\n\r\n" PAUSE "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n" ANSWER
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
     "200 200", "GET /;GET /2;"},
    {"a read on a connection that went stale is sent again, a write on one not at all before that",
     "@GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" PAUSE "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n" ANSWER
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" LAST_ANSWER,
     "200 200", "GET /1;GET /2;GET /2;"},
    {"a write without an answer is not repeated",
     "@GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" PAUSE "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" ANSWER
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" LAST_ANSWER,
     "200 502", "GET /1;POST /2 x;"},
    {"no request hides in a body",
     "@POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden "
     "HTTP/1.1\r\nHost: a\r\n\r\n",
     "400", ""},
    {"readonly lets reads through and nothing else",
     "@GET / HTTP/1.1\r\nHost: r\r\n\r\nPOST / HTTP/1.1\r\nHost: r\r\nContent-Length: 1\r\n\r\nxGET /logout "
     "HTTP/1.1\r\nHost: r\r\n\r\n",
     "200 503 503", "GET /;"},
    {"maintenance lets nothing through", "@GET / HTTP/1.1\r\nHost: m\r\n\r\n", "503", ""},
    {"a host that nobody claims gets 404", "@GET / HTTP/1.1\r\nHost: nobody\r\n\r\n", "404", ""},
};

std::string statuses(const Stage& stage) {
  const auto asked = judge_requests(stage.client().sent(), Script::whole).requests;
  std::string_view rest = stage.client().received();
  std::string all;
  for (std::size_t number = 0; !rest.empty();) {
    const auto response = read_response(rest, number < asked.size() ? asked[number].method : "GET", true);
    all += (all.empty() ? "" : " ") + std::to_string(response.status());
    if (response.extent != Message::Extent::whole) break;
    if (!response.interim()) ++number;
    rest.remove_prefix(response.end);
  }
  return all;
}

std::string seen(const Stage& stage) {
  std::string all;
  for (const auto& wire : stage.upstreams()) {
    std::string_view rest = wire.received();
    while (!rest.empty()) {
      const auto request = read_request(rest);
      if (request.method_and_target() == "GET /witness") break;
      all += std::string(request.method_and_target()) + (request.body.empty() ? "" : " " + request.body) + ";";
      if (request.extent != Message::Extent::whole) break;
      rest.remove_prefix(request.end);
    }
  }
  return all;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& line : lines) all += line + "\n";
  return all;
}

Script cut(Script script, std::size_t piece_bytes, std::size_t io_bytes_max) {
  script.piece_bytes = piece_bytes;
  script.io_bytes_max = io_bytes_max;
  for (auto& answer : script.answers) answer.piece_bytes = piece_bytes;
  return script;
}

drawbridge::serve::Door door_of_this_run() {
  return {.tls = drawbridge::tests::tls_of_this_run()};
}

constexpr std::size_t cuts[] = {Script::whole, 1, 7};

}  // namespace

TEST_CASE("a connection does the same in one piece, byte by byte and in between") {
  static House house;
  for (const auto& row : rows) {
    for (const auto piece_bytes : cuts) {
      for (const auto io_bytes_max : cuts) {
        INFO(std::string(row.name) << ", in pieces of " << piece_bytes << ", read in " << io_bytes_max);
        Stage stage(house, cut(parse_script(row.text), piece_bytes, io_bytes_max), door_of_this_run());
        stage.run();
        CHECK(statuses(stage) == row.statuses);
        CHECK(seen(stage) == row.seen);
        CHECK(joined(reconcile(stage)) == "");
      }
    }
  }
  CHECK(house.in_flight() == 0);
}

TEST_CASE("whatever is said in whatever pieces, the accounts of all sides agree") {
  static House house;
  for (const auto& entry : std::filesystem::directory_iterator(DRAWBRIDGE_SCRIPTS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (const auto piece_bytes : cuts) {
      for (const auto io_bytes_max : cuts) {
        const auto script = cut(parse_script(text), piece_bytes, io_bytes_max);
        const bool takes_long =
            text.contains(Script::filler) && (piece_bytes != Script::whole || io_bytes_max == 1);
        if (takes_long) continue;
        INFO(entry.path().filename().string() << ", in pieces of " << piece_bytes << ", read in " << io_bytes_max);
        const auto descriptors = open_descriptors();
        {
          Stage stage(house, script, door_of_this_run());
          stage.run();
          CHECK(joined(reconcile(stage)) == "");
        }
        CHECK(open_descriptors() == descriptors);
      }
    }
  }
  CHECK(house.in_flight() == 0);
}
