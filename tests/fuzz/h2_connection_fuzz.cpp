// The whole data path of an HTTP/2 connection: a client sends frames, servers answer, an operator may give an
// order. Whatever it was, everything ends and nothing is left behind. The input is
//
//   OPTIONS [KIND STREAM LENGTH payload]…
//
// Each frame's head is made from three bytes, so that most inputs get past it: KIND has the type in its low four
// bits and the flags END_STREAM, END_HEADERS, PADDED and PRIORITY in the others; type 15 sends the payload alone.
#include "tests/fuzz/fuzz_check.h"
#include "tests/stage/stage.h"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

using namespace drawbridge;
using namespace drawbridge::stage;

namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr unsigned raw_bytes = 15;
constexpr std::size_t client_bytes_max = 64 * 1024;

constexpr std::array<unsigned char, 16> flags{0x00, 0x01, 0x04, 0x05, 0x08, 0x09, 0x0c, 0x0d,
                                              0x20, 0x21, 0x24, 0x25, 0x28, 0x29, 0x2c, 0x2d};

constexpr std::array<std::string_view, 8> answers{
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbreaks off",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: {accept}\r\n\r\n\x81\x02hi",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "no answer at all",
    "",
};

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return left_.empty(); }
  unsigned byte() { return empty() ? 0 : static_cast<unsigned char>(take(1).front()); }
  std::string_view take(std::size_t count) {
    const auto taken = left_.substr(0, count);
    left_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view left_;
};

void add_frame(Bytes& bytes, std::string& out) {
  const auto kind = bytes.byte();
  const auto stream = bytes.byte();
  const auto payload = bytes.take(bytes.byte());
  const auto put = [&](std::size_t byte) { out.push_back(static_cast<char>(byte)); };
  if ((kind & 15U) != raw_bytes) {
    put(0);
    put(payload.size() >> 8U);
    put(payload.size());
    put(kind & 15U);
    put(flags[kind >> 4U]);
    for (int i = 0; i < 3; ++i) put(0);
    put(stream);
  }
  out += payload;
}

Script script_of(Bytes bytes) {
  Script script;
  const auto options = bytes.byte();
  script.order = static_cast<Script::Order>(options & 3U);
  // A client of HTTP/2 that ends its half has gone: most stay until all is quiet.
  script.ending = static_cast<Script::Ending>(((options >> 2U) + 2U) & 3U);
  script.io_bytes_max = (options & 16U) != 0 ? 1 : Script::whole;
  script.piece_bytes = (options & 32U) != 0 ? 3 : Script::whole;
  const auto choice = bytes.byte();
  for (unsigned i = 0; i < 4; ++i) {
    Script::Answer answer{.text = std::string(answers[(choice + i * (1 + (options >> 6U))) % answers.size()])};
    answer.then = i % 2 == 0 ? Script::Answer::Then::keep : Script::Answer::Then::close;
    script.answers.push_back(answer);
  }
  script.client = preface;
  while (!bytes.empty() && script.client.size() < client_bytes_max) add_frame(bytes, script.client);
  return script;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static House house;
  const auto descriptors = open_descriptors();
  std::vector<std::string> leftovers;
  {
    Stage stage(house, script_of({data, size}), {.address = {}, .h2c = true});
    stage.run();
    leftovers = stage.leftovers();
  }
  for (const auto& leftover : leftovers) std::fprintf(stderr, "%s\n", leftover.c_str());
  FUZZ_CHECK(leftovers.empty());
  FUZZ_CHECK(open_descriptors() == descriptors);
  return 0;
}
