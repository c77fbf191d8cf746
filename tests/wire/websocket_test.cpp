#include "proxy/http/websocket.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge::http;
using namespace std::string_literals;

namespace {

const std::string text_frame = "\x81\x05hello"s;
const std::string masked_frame = "\x82\x83\x01\x02\x03\x04zzz"s;
const std::string empty_ping = "\x89\x00"s;
const std::string frame_of_300 = "\x82\x7e\x01\x2c"s + std::string(300, 'x');
const std::string frame_of_70000 = "\x02\x7f\0\0\0\0\0\x01\x11\x70"s + std::string(70'000, 'y');
const std::string compressed_frame = "\xc1\x01z"s;

}  // namespace

TEST_CASE("the end of each frame is a boundary and nothing else is") {
  for (const auto& frame : {text_frame, masked_frame, empty_ping, frame_of_300, frame_of_70000, compressed_frame}) {
    FrameScanner scanner;
    CHECK(scanner.at_boundary());
    for (std::size_t i = 0; i < frame.size(); ++i) {
      scanner.feed(std::string_view(frame).substr(i, 1));
      CHECK(scanner.at_boundary() == (i + 1 == frame.size()));
    }
    CHECK_FALSE(scanner.broken());
  }
}

TEST_CASE("frames are followed alike however they are split") {
  const auto stream = text_frame + masked_frame + empty_ping + frame_of_300 + text_frame;
  for (std::size_t at = 0; at <= stream.size(); ++at) {
    FrameScanner scanner;
    scanner.feed(std::string_view(stream).substr(0, at));
    scanner.feed(std::string_view(stream).substr(at));
    CHECK(scanner.at_boundary());
  }
}

TEST_CASE("the way to the next boundary is told without walking it") {
  FrameScanner scanner;
  CHECK(scanner.until_boundary(text_frame) == 0);
  scanner.feed(text_frame.substr(0, 3));
  const auto rest = text_frame.substr(3) + masked_frame;
  CHECK(scanner.until_boundary(rest) == 4);
  CHECK(scanner.until_boundary("he") == 2);
  CHECK_FALSE(scanner.at_boundary());
  FrameScanner in_header;
  in_header.feed("\x82");
  CHECK(in_header.until_boundary(frame_of_300.substr(1) + text_frame) == frame_of_300.size() - 1);
}

TEST_CASE("a close frame that went by is remembered") {
  FrameScanner scanner;
  scanner.feed(text_frame);
  CHECK_FALSE(scanner.close_seen());
  scanner.feed("\x88\x02\x03\xe8"s);
  CHECK(scanner.close_seen());
  CHECK(scanner.at_boundary());
}

TEST_CASE("what cannot be a frame has no boundary any more") {
  for (const auto& bytes :
       {"\x83\x00"s, "\x8b\x00"s, "\x89\x7e\x01\x2c"s, "\x09\x00"s, "\x82\x7f\xff\0\0\0\0\0\0\0"s}) {
    FrameScanner scanner;
    scanner.feed(bytes);
    CHECK(scanner.broken());
    CHECK_FALSE(scanner.at_boundary());
    scanner.feed(text_frame);
    CHECK_FALSE(scanner.at_boundary());
  }
}

TEST_CASE("our close frames are frames, masked towards the upstream") {
  CHECK(close_frame_to_client(close_service_restart).view() == "\x88\x02\x03\xf4"s);
  const auto frame = close_frame_to_upstream(close_service_restart, 0x04030201);
  CHECK(frame.view() == "\x88\x82\x01\x02\x03\x04\x02\xf6"s);
  for (const auto& close : {close_frame_to_client(1000), frame}) {
    FrameScanner scanner;
    scanner.feed(close.view());
    CHECK(scanner.close_seen());
    CHECK(scanner.at_boundary());
  }
}

TEST_CASE("a key of ours is 16 bytes in base64") {
  CHECK(make_websocket_key(0, 0).view() == "AAAAAAAAAAAAAAAAAAAAAA==");
  CHECK(make_websocket_key(~0ULL, ~0ULL).view() == "/////////////////////w==");
  CHECK(make_websocket_key(0x0123456789abcdef, 0xfedcba9876543210).view() != make_websocket_key(1, 2).view());
}

TEST_CASE("a client's key is answered as RFC 6455 section 1.3 has it") {
  CHECK(make_websocket_accept("dGhlIHNhbXBsZSBub25jZQ==").view() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(make_websocket_accept(std::string(200, 'a')).view() == "W7nwfYCuwcatB7HT3divf5cVU2A=");
  CHECK(is_websocket_key("dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK(is_websocket_key(make_websocket_key(1, 2).view()));
  for (const auto& key : {""s, "dGhlIHNhbXBsZSBub25jZQ="s, "dGhlIHNhbXBsZSBub25jZQ==="s,
                          "dGhlIHNhbXBsZSBub25jZQAA"s, "dGhlIHNh-XBsZSBub25jZQ=="s}) {
    CAPTURE(key);
    CHECK_FALSE(is_websocket_key(key));
  }
}
