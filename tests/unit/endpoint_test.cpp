#include "proxy/net/endpoint.h"

#include <doctest/doctest.h>

using drawbridge::net::Endpoint;
using drawbridge::net::parse_endpoint;

TEST_CASE("numeric addresses with a port read and print as they were") {
  for (const char* text : {"127.0.0.1:80", "255.255.255.255:65535", "[::1]:8080", "[2001:db8::7]:0"}) {
    CAPTURE(text);
    const auto endpoint = parse_endpoint(text);
    REQUIRE(endpoint.has_value());
    CHECK(endpoint->text() == text);
    CHECK(Endpoint::from(endpoint->data(), endpoint->length) == *endpoint);
  }
}

TEST_CASE("names, lone addresses and broken ones are no endpoints") {
  for (const char* text :
       {"", ":", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:80", "::1:80",
        "[::1]", "[::1:80", "[127.0.0.1]:80", "127.0.0.1:80 ", " 127.0.0.1:80"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text).has_value());
  }
}

TEST_CASE("endpoints differ by family, address and port, and the empty one equals itself") {
  CHECK(parse_endpoint("127.0.0.1:80") != parse_endpoint("127.0.0.1:81"));
  CHECK(parse_endpoint("127.0.0.1:80") != parse_endpoint("127.0.0.2:80"));
  CHECK(parse_endpoint("[::1]:80") != parse_endpoint("127.0.0.1:80"));
  CHECK(parse_endpoint("[::1]:80") != parse_endpoint("[::2]:80"));
  CHECK(Endpoint{} == Endpoint{});
  CHECK(Endpoint{} != *parse_endpoint("127.0.0.1:80"));
  CHECK(Endpoint{}.text().empty());
  CHECK(parse_endpoint("[::1]:80")->address() == "::1");
}
