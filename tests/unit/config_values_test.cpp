#include "config/nearest.h"
#include "config/values.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>

using namespace drawbridge::config;

TEST_CASE("sizes read and print with units") {
  struct Row {
    const char* text;
    std::uint64_t bytes;
    const char* printed;
  };
  const Row rows[] = {{"0", 0, "0"},
                      {"1B", 1, "1B"},
                      {"64KiB", 65'536, "64KiB"},
                      {"10MB", 10'000'000, "10MB"},
                      {"1024KiB", 1'048'576, "1MiB"},
                      {"2GiB", 2'147'483'648, "2GiB"},
                      {"1500B", 1'500, "1500B"}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.text));
    const auto parsed = parse_size(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.bytes);
    CHECK(format_size(*parsed) == row.printed);
  }
}

TEST_CASE("a size that can be misread is refused with what was probably meant") {
  struct Row {
    const char* text;
    const char* suggestion;
  };
  for (const auto& row :
       {Row{"", ""}, Row{"64", "64B"}, Row{"64k", "64KiB"}, Row{"64kb", "64KB"}, Row{"64 MiB", "64MiB"},
        Row{"1.5MB", ""}, Row{"-1B", ""}, Row{"9999999999GiB", ""}, Row{"99999999999999999999B", ""}}) {
    CAPTURE(std::string(row.text));
    const auto parsed = parse_size(row.text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().suggestion == row.suggestion);
  }
}

TEST_CASE("addresses need a host and a port, and listeners an IP address") {
  for (const char* text : {"127.0.0.1:80", "[::1]:65535", "0.0.0.0:0", "[::]:8080"}) {
    CAPTURE(std::string(text));
    CHECK(parse_address(text, AddressUse::listen).has_value());
  }
  for (const char* text : {"127.0.0.1:80", "[::1]:1", "app:80", "app.internal.:80", "db_1.x:80", "a-b:65535"}) {
    CAPTURE(std::string(text));
    CHECK(parse_address(text, AddressUse::connect).has_value());
  }
  for (const char* text : {"",
                           ":",
                           ":80",
                           "app",
                           "app:",
                           "app:0",
                           "app:65536",
                           "app:8o",
                           "app:+80",
                           "app: 80",
                           "::1:80",
                           "[::1]",
                           "[::1",
                           "[::1]80",
                           "[app]:80",
                           "256.0.0.1:80",
                           "1.2.3:80",
                           "-a:80",
                           "a..b:80",
                           "a b:80",
                           "http://app:80",
                           "unix:/run/app.sock",
                           "[fe80::1%eth0]:80"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_address(text, AddressUse::connect).has_value());
    CHECK_FALSE(parse_address(text, AddressUse::listen).has_value());
  }
  CHECK_FALSE(parse_address("app:80", AddressUse::listen).has_value());
}

TEST_CASE("networks are addresses with a prefix and nothing behind it") {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "::/0", "::1/128"}) {
    CAPTURE(std::string(text));
    CHECK(parse_network(text) == std::string(text));
  }
  CHECK(parse_network("192.0.2.1") == "192.0.2.1/32");
  CHECK(parse_network("::1") == "::1/128");
  for (const char* text : {"", "10.0.0.0/33", "10/8", "10.0.0.0/", "10.0.0.0/8x", "::/129", "10.0.0.1/8", "a/8"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_network(text).has_value());
  }
  CHECK(parse_network("2001:db8::1/32").error().suggestion == "2001:db8::/32");
}

TEST_CASE("rules are a method and a path that can match") {
  for (const char* text : {"GET /", "* /**", "POST /a/*/b", "M-SEARCH /x", "* **", "GET /a;b", "GET /%2F"}) {
    CAPTURE(std::string(text));
    CHECK(parse_rule(text).has_value());
  }
  for (const char* text : {"", "GET", "GET ", " GET /", "/a", "GET a", "get /a", "GET /a?b=1", "GET /a#b",
                           "GET /a /b", "GET /a/../b", "GET //a", "G@T /a", "GET https://a/b", "GET /{id}",
                           "GET /a***", "GET /100%", "GET /a\\b", "GET /%2e%2e/a"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_rule(text).has_value());
  }
}

TEST_CASE("header fields that frame or forward a message cannot be named") {
  for (const char* name : {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "TE", "Upgrade", "Via",
                           "X-Forwarded-For", "X A", "", "X:", "Ü"}) {
    CAPTURE(std::string(name));
    CHECK_FALSE(parse_field_name(name).has_value());
  }
  CHECK(parse_field_name("X-Frame-Options").has_value());
  for (const char* value : {" a", "a ", "a\r\nb", "a\nSet-Cookie: x", "\x01"}) {
    CAPTURE(std::string(value));
    CHECK_FALSE(parse_field_value(value).has_value());
  }
  CHECK(parse_field_value("max-age=1; \"ü\"\tx").has_value());
  CHECK(parse_field_value("").has_value());
}

TEST_CASE("file paths are absolute and plain") {
  CHECK(parse_file_path("/var/lib/x y").has_value());
  for (const char* text : {"", "x", "./x", "/a/../b", "/a/.", "/a\nb"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(parse_file_path(text).has_value());
  }
}

TEST_CASE("the nearest word is a slip of the finger away, or the word of another proxy") {
  constexpr std::array<std::string_view, 6> known{"servers",     "balance",        "health",
                                                  "round_robin", "least_requests", "idle_connections"};
  struct Row {
    const char* word;
    const char* nearest;
  };
  for (const auto& row :
       {Row{"balnce", "balance"}, Row{"blaance", "balance"}, Row{"Servers", "servers"}, Row{"server", "servers"},
        Row{"roundrobin", "round_robin"}, Row{"round-robin", "round_robin"}, Row{"least_conn", "least_requests"},
        Row{"keepalive", "idle_connections"}, Row{"x", ""}, Row{"", ""}, Row{"something_else", ""},
        Row{"healthy", "health"}}) {
    CAPTURE(std::string(row.word));
    CHECK(nearest(row.word, known) == row.nearest);
  }
}
