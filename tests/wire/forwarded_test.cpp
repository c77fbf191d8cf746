#include "proxy/http/forwarded.h"

#include "proxy/http/reader.h"
#include "tests/wire/wire_case.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

std::string canonical(std::string_view text) {
  const auto address = parse_ip(text);
  return address ? std::string(format_ip(*address).view()) : "-";
}

TrustedNets trust(std::initializer_list<const char*> nets) {
  TrustedNets trusted;
  for (const auto* net : nets) trusted.add(parse_net(net).value());
  return trusted;
}

// "address scheme host" as seen through the trusted proxies 10.0.0.0/8 and 2001:db8::/32.
std::string seen(const char* connection, const std::string& fields) {
  static const auto trusted = trust({"10.0.0.0/8", "2001:db8::/32"});
  static RequestHead head;
  const auto bytes = wire::get(fields);
  REQUIRE_FALSE(parse_request(bytes, HeadLimits{}, head));
  const auto client = effective_client(parse_ip(connection).value(), "http", head, trusted);
  return std::string(format_ip(client.address).view()) + " " + std::string(client.scheme) + " " +
         std::string(client.host);
}

}  // namespace

TEST_CASE("addresses are read strictly and written in their one form") {
  const std::pair<const char*, const char*> rows[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
      {"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
  };
  for (const auto& [text, expected] : rows) CHECK(canonical(text) == expected);
  for (const char* text :
       {"",         "1.2.3",    "1.2.3.4.5",     "256.1.1.1",         "01.2.3.4", "1.2.3.4 ",
        " 1.2.3.4", "1.2.3.-4", "1..2.3",        "0x7f.1.1.1",        ":",        ":::",
        "1:::2",    "1::2::3",  "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",  "1:2:3:4:5:6:7::8",
        "g::",      "::1%eth0", "[::1]",         "1.2.3.4::",         "::1.2.3",  ":1:2:3:4:5:6:7"}) {
    CAPTURE(text);
    CHECK(canonical(text) == "-");
  }
}

TEST_CASE("networks are read with their prefix and nothing beyond it") {
  CHECK(trust({"10.0.0.0/8"}).contains(parse_ip("10.255.0.1").value()));
  CHECK_FALSE(trust({"10.0.0.0/8"}).contains(parse_ip("11.0.0.1").value()));
  CHECK(trust({"10.0.0.0/8"}).contains(parse_ip("::ffff:10.1.1.1").value()));
  CHECK(trust({"192.0.2.128/25"}).contains(parse_ip("192.0.2.200").value()));
  CHECK_FALSE(trust({"192.0.2.128/25"}).contains(parse_ip("192.0.2.100").value()));
  CHECK(trust({"2001:db8::/33"}).contains(parse_ip("2001:db8:7fff::1").value()));
  CHECK_FALSE(trust({"2001:db8::/33"}).contains(parse_ip("2001:db8:8000::1").value()));
  CHECK(trust({"192.0.2.1"}).contains(parse_ip("192.0.2.1").value()));
  CHECK_FALSE(trust({"192.0.2.1"}).contains(parse_ip("192.0.2.2").value()));
  CHECK(trust({"0.0.0.0/0"}).contains(parse_ip("203.0.113.1").value()));
  CHECK_FALSE(trust({"0.0.0.0/0"}).contains(parse_ip("2001:db8::1").value()));
  CHECK(trust({"::/0"}).contains(parse_ip("203.0.113.1").value()));
  CHECK_FALSE(TrustedNets{}.contains(parse_ip("::1").value()));
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.1/8", "::/129", "10/8", "a/8", "1.2.3.4/8/8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_net(text).has_value());
  }
}

TEST_CASE("the client is the first untrusted address from the right") {
  struct Row {
    const char* connection;
    const char* fields;
    const char* expected;
    const char* why;
  };
  const Row rows[] = {
      {"203.0.113.1", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n",
       "203.0.113.1 http a.example", "nobody vouches for the connection"},
      {"10.0.0.1", "", "10.0.0.1 http a.example", "nothing was said"},
      {"10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 http a.example", "one proxy"},
      {"10.0.0.1", "X-Forwarded-For: 192.0.2.66, 192.0.2.1\r\n", "192.0.2.1 http a.example",
       "the left one is the client's own claim"},
      {"10.0.0.1", "X-Forwarded-For: 192.0.2.1, 10.0.0.2\r\n", "192.0.2.1 http a.example", "two proxies"},
      {"10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.2\r\n", "192.0.2.1 http a.example",
       "two lines are one list"},
      {"10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3 http a.example",
       "all trusted: the farthest"},
      {"10.0.0.1", "X-Forwarded-For: 192.0.2.1, evil, 10.0.0.2\r\n", "10.0.0.2 http a.example",
       "an unreadable entry ends the walk"},
      {"10.0.0.1", "X-Forwarded-For: unknown\r\n", "10.0.0.1 http a.example", "nothing readable"},
      {"10.0.0.1", "X-Forwarded-For:\r\n", "10.0.0.1 http a.example", "empty"},
      {"10.0.0.1", "X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1 http a.example", "with a port"},
      {"2001:db8::1", "X-Forwarded-For: [2001:db9::2]:4711\r\n", "2001:db9::2 http a.example", "IPv6 with a port"},
      {"2001:db8::1", "X-Forwarded-For: 2001:DB9::2\r\n", "2001:db9::2 http a.example", "IPv6 without brackets"},
      {"::ffff:10.0.0.1", "X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1 http a.example",
       "mapped addresses are IPv4"},
      {"10.0.0.1", "X-Forwarded-Proto: HTTPS\r\n", "10.0.0.1 https a.example", "scheme"},
      {"10.0.0.1", "X-Forwarded-Proto: https, http\r\n", "10.0.0.1 http a.example", "the nearest proxy's word"},
      {"10.0.0.1", "X-Forwarded-Proto: javascript\r\n", "10.0.0.1 http a.example", "no such scheme"},
      {"10.0.0.1", "X-Forwarded-Host: shop.example:81\r\n", "10.0.0.1 http shop.example:81", "host"},
      {"10.0.0.1", "X-Forwarded-Host: a b\r\n", "10.0.0.1 http a.example", "malformed host"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK(seen(row.connection, row.fields) == row.expected);
  }
}

TEST_CASE("a chain longer than the bound is nobody's") {
  const auto fields = "X-Forwarded-For: 192.0.2.1, " + wire::repeat("10.0.0.2, ", 70) + "10.0.0.3\r\n";
  CHECK(seen("10.0.0.1", fields) == "10.0.0.2 http a.example");
}

TEST_CASE("a request id is kept only if it cannot harm a log line") {
  for (const char* id : {"01234567", "0af7651916cd43dd8448eb211c80319c", "a-b_c.d:e=f+g/h@i"})
    CHECK(is_well_formed_request_id(id));
  for (const char* id : {"", "short", "has space1", "quote\"1234", "semi;colon", "caf\xc3\xa9-12345"}) {
    CAPTURE(id);
    CHECK_FALSE(is_well_formed_request_id(id));
  }
  CHECK_FALSE(is_well_formed_request_id(std::string(129, 'a')));
}
