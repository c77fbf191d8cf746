#include "proxy/http/grpc.h"

#include <doctest/doctest.h>

#include <string_view>

using namespace drawbridge;
using namespace std::chrono_literals;

TEST_CASE("grpc-timeout is one to eight digits and a unit") {
  CHECK(http::parse_grpc_timeout("2H") == 2h);
  CHECK(http::parse_grpc_timeout("3M") == 3min);
  CHECK(http::parse_grpc_timeout("5S") == 5s);
  CHECK(http::parse_grpc_timeout("100m") == 100ms);
  CHECK(http::parse_grpc_timeout("1500u") == 2ms);
  CHECK(http::parse_grpc_timeout("1n") == 1ms);
  CHECK(http::parse_grpc_timeout("99999999H") == 99'999'999h);
  for (const std::string_view odd : {"", "S", "1", "1s", "1 S", "+1S", "123456789S", "1.5S", "S1"}) {
    CAPTURE(odd);
    CHECK_FALSE(http::parse_grpc_timeout(odd).has_value());
  }
}

TEST_CASE("what is left of a timeout is written in eight digits, and never longer than it is") {
  CHECK(http::make_grpc_timeout(1ms) == "1m");
  CHECK(http::make_grpc_timeout(99'999'999ms) == "99999999m");
  CHECK(http::make_grpc_timeout(100'000'999ms) == "100000S");
  CHECK(http::make_grpc_timeout(100'000'001s) == "1666666M");
  CHECK(http::make_grpc_timeout(100'000'001min) == "1666666H");
  CHECK(http::make_grpc_timeout(200'000'000h) == "99999999H");
}

TEST_CASE("only a call of gRPC has a deadline of its client's") {
  http::RequestHead head;
  head.headers.add({.field = http::Field::other, .name = "grpc-timeout", .value = "1S"});
  CHECK_FALSE(http::grpc_timeout(head).has_value());
  head.headers.add({.field = http::Field::content_type, .name = "content-type", .value = "application/grpc+proto"});
  CHECK(http::grpc_timeout(head) == 1s);
}
