#include "proxy/http/chunked.h"

#include "tests/wire/chunked_cases.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

struct Decoded {
  std::string result;  // in the form of the tables
  std::size_t consumed = 0;
};

// Feeds the body in parts of `first`, then `part` bytes.
Decoded decode(std::string bytes, std::size_t first, std::size_t part) {
  ChunkDecoder decoder;
  Decoded out;
  std::string data;
  std::size_t end = std::min(first, bytes.size());
  while (true) {
    const auto step = decoder.step(std::span(bytes).subspan(out.consumed, end - out.consumed));
    out.consumed += step.consumed;
    data.append(step.data.data(), step.data.size());
    switch (step.state) {
      case ChunkDecoder::State::data:
        continue;
      case ChunkDecoder::State::done:
        out.result = data + "|" + std::string(decoder.trailers());
        return out;
      case ChunkDecoder::State::error:
        out.result = decoder.refusal().rule;
        return out;
      case ChunkDecoder::State::need_more:
        break;
    }
    if (end == bytes.size()) {
      out.result = "need_more";
      return out;
    }
    end = std::min(end + part, bytes.size());
  }
}

}  // namespace

TEST_CASE("each chunked body of the tables is judged as its row says") {
  for (const auto* table : {&wire::refused_chunks, &wire::accepted_chunks}) {
    for (const auto& row : *table) {
      CAPTURE(row.name);
      CHECK(decode(row.bytes, row.bytes.size(), 1).result == row.expected);
    }
  }
}

TEST_CASE("a chunked body is judged alike when it comes one byte at a time") {
  for (const auto* table : {&wire::refused_chunks, &wire::accepted_chunks}) {
    for (const auto& row : *table) {
      CAPTURE(row.name);
      CHECK(decode(row.bytes, 0, 1).result == row.expected);
    }
  }
}

TEST_CASE("a chunked body is judged alike wherever it is split in two") {
  for (const auto* table : {&wire::refused_chunks, &wire::accepted_chunks}) {
    for (const auto& row : *table) {
      if (row.bytes.size() > 1'000) continue;
      for (std::size_t at = 0; at < row.bytes.size(); ++at) {
        CAPTURE(row.name);
        CAPTURE(at);
        CHECK(decode(row.bytes, at, row.bytes.size()).result == row.expected);
      }
    }
  }
}

TEST_CASE("the decoder leaves what follows the body to the next message") {
  const std::string body = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (const std::string& rest :
       {std::string("GET / HTTP/1.1\r\n"), std::string("\r\n"), std::string("0\r\n\r\n")}) {
    const auto decoded = decode(body + rest, body.size() + rest.size(), 1);
    CHECK(decoded.result == "hello|X: y\r\n");
    CHECK(decoded.consumed == body.size());
  }
}

TEST_CASE("no prefix of a chunked body is a whole one") {
  const std::string body = "5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t n = 0; n < body.size(); ++n) CHECK(decode(body.substr(0, n), n, 1).result == "need_more");
}

TEST_CASE("the size of a chunk is known before its data") {
  ChunkDecoder decoder;
  std::string bytes = "7fffffffffffffff\r\n";
  CHECK(decoder.step(bytes).state == ChunkDecoder::State::need_more);
  CHECK(decoder.chunk_remaining() == 0x7fffffffffffffffULL);
}

TEST_CASE("a decoder that is reset remembers nothing") {
  ChunkDecoder decoder;
  std::string broken = "5;a=b\r\nhello\r\n0\r\nX: y\r\nx";
  while (decoder.step(broken).state == ChunkDecoder::State::data) broken.erase(0, 12);
  decoder.reset();
  std::string good = "0\r\n\r\n";
  CHECK(decoder.step(good).state == ChunkDecoder::State::done);
  CHECK(decoder.trailers().empty());
}

TEST_CASE("chunk heads are the size in hexadecimal") {
  CHECK(ChunkHead(1).view() == "1\r\n");
  CHECK(ChunkHead(16).view() == "10\r\n");
  CHECK(ChunkHead(65'536).view() == "10000\r\n");
  CHECK(ChunkHead(0xfedcba9876543210ULL).view() == "fedcba9876543210\r\n");
}
