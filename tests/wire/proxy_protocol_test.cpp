#include "proxy/http/proxy_protocol.h"

#include "tests/wire/wire_case.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace drawbridge;
using namespace drawbridge::http;
using namespace drawbridge::wire;

namespace {

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string v4_addresses =
    "\xc0\x00\x02\x01\x0a\x00\x00\x01\xdc\x04\x01\xbb"s;                   // 192.0.2.1:56324 to 10.0.0.1:443
const std::string v6_address = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"s;  // 2001:db8::…, its last byte follows
const std::string v6_addresses = v6_address + "\x01" + v6_address + "\x02\xdc\x04\x01\xbb"s;
const std::string tlv_alpn = "\x01\x00\x02h2"s;
const std::string tlv_noop = "\x04\x00\x00"s;

// A version 2 header: version and command, family and protocol, what follows.
std::string v2(char command, char family, const std::string& payload) {
  const auto size = payload.size();
  return signature + command + family + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff) + payload;
}

std::string v1(const std::string& line) {
  return "PROXY " + line + "\r\n";
}

// "client ADDRESS", "client -" if the connection's own stands, "more", or "refused".
std::string read(const std::string& bytes) {
  const auto header = read_proxy_header(bytes);
  switch (header.state) {
    case ProxyHeader::State::incomplete:
      return "more";
    case ProxyHeader::State::complete:
      return "client " + (header.parties ? std::string(format_ip(header.parties->client.ip).view()) : "-");
    case ProxyHeader::State::refused:
      return "refused";
  }
  return "";
}

// Sections of HAProxy's proxy-protocol.txt, version of 2020/03/05.
const WireCase rows[] = {
    {"v1 tcp4", v1("TCP4 192.0.2.1 10.0.0.1 56324 443"), "client 192.0.2.1", "2.1"},
    {"v1 tcp6", v1("TCP6 2001:db8::1 2001:db8::2 4124 443"), "client 2001:db8::1", "2.1"},
    {"v1 longest",
     v1("TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
     "client ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2.1: 104 bytes"},
    {"v1 mapped", v1("TCP6 ::ffff:192.0.2.1 ::1 1 2"), "client 192.0.2.1",
     "2.1: an IPv4 client of an IPv6 listener"},
    {"v1 port 0", v1("TCP4 192.0.2.1 10.0.0.1 0 0"), "client 192.0.2.1", "2.1: 0 to 65535"},
    {"v1 unknown", v1("UNKNOWN"), "client -", "2.1: the line may end there"},
    {"v1 unknown with more", v1("UNKNOWN ffff::1 ? 1 2 3"), "client -", "2.1: what follows is to be ignored"},
    {"v1 unknown of 107 bytes", v1("UNKNOWN " + std::string(91, 'x')), "client -", "2.1: the worst case"},
    {"v1 unknown of 108 bytes", v1("UNKNOWN " + std::string(92, 'x')), "refused", "2.1: at most 107 bytes"},
    {"v1 no end at 107", "PROXY UNKNOWN " + std::string(93, 'x'), "refused", "2.1: at most 107 bytes"},
    {"v1 no end at 106", "PROXY UNKNOWN " + std::string(92, 'x'), "more", "2.1: the last byte may be missing"},
    {"v1 half", "PROXY TCP4 192.0", "more", "2: a header may come in pieces"},
    {"v1 half of its start", "PRO", "more", "2: a header may come in pieces"},
    {"v1 CR at the end", "PROXY UNKNOWN\r", "more", "2.1: LF may follow"},
    {"v1 bare CR", "PROXY UNKNOWN\rX\r\n", "refused", "2.1: ends with CRLF"},
    {"v1 bare LF", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n", "refused", "2.1: ends with CRLF"},
    {"v1 bare LF in front", "PROXY UNKNOWN\nGET / HTTP/1.1\r\n", "refused", "2.1: ends with CRLF"},
    {"v1 lower case", "proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n", "refused", "2.1: PROXY"},
    {"v1 lower protocol", v1("tcp4 192.0.2.1 10.0.0.1 1 2"), "refused", "2.1: TCP4"},
    {"v1 udp", v1("UDP4 192.0.2.1 10.0.0.1 1 2"), "refused", "2.1: TCP4, TCP6 or UNKNOWN"},
    {"v1 nothing", v1(""), "refused", "2.1: a protocol"},
    {"v1 no protocol", "PROXY\r\n", "refused", "2.1: one space"},
    {"v1 v6 in tcp4", v1("TCP4 2001:db8::1 10.0.0.1 1 2"), "refused", "2.1: addresses of that family"},
    {"v1 v4 in tcp6", v1("TCP6 192.0.2.1 10.0.0.1 1 2"), "refused", "2.1: addresses of that family"},
    {"v1 families mixed", v1("TCP4 192.0.2.1 ::1 1 2"), "refused", "2.1: addresses of that family"},
    {"v1 two spaces", v1("TCP4 192.0.2.1  10.0.0.1 1 2"), "refused", "2.1: exactly one space"},
    {"v1 space in front", v1(" TCP4 192.0.2.1 10.0.0.1 1 2"), "refused", "2.1: exactly one space"},
    {"v1 space behind", v1("TCP4 192.0.2.1 10.0.0.1 1 2 "), "refused", "2.1: then CRLF"},
    {"v1 tab", v1("TCP4\t192.0.2.1 10.0.0.1 1 2"), "refused", "2.1: exactly one space"},
    {"v1 one port", v1("TCP4 192.0.2.1 10.0.0.1 1"), "refused", "2.1: two ports"},
    {"v1 three ports", v1("TCP4 192.0.2.1 10.0.0.1 1 2 3"), "refused", "2.1: then CRLF"},
    {"v1 port too large", v1("TCP4 192.0.2.1 10.0.0.1 65536 2"), "refused", "2.1: 0 to 65535"},
    {"v1 port with zeros", v1("TCP4 192.0.2.1 10.0.0.1 080 2"), "refused", "2.1: no leading zeros"},
    {"v1 port with a sign", v1("TCP4 192.0.2.1 10.0.0.1 +80 2"), "refused", "2.1: a decimal"},
    {"v1 address with zeros", v1("TCP4 192.0.2.01 10.0.0.1 1 2"), "refused", "2.1: canonical"},
    {"v1 address in brackets", v1("TCP6 [::1] ::1 1 2"), "refused", "2.1: canonical"},
    {"v1 NUL", v1("TCP4 192.0.2.1\0 10.0.0.1 1 2"s), "refused", "2.1: an address"},
    {"no header", "GET / HTTP/1.1\r\n", "refused", "2: no guess whether there is one"},
    {"a TLS hello", "\x16\x03\x01\x02\x00\x01"s, "refused", "2: no guess whether there is one"},
    {"nothing yet", "", "more", "2: a header may come in pieces"},
    {"an empty line", "\r\n", "more", "2.2: the signature may follow"},
    {"two empty lines", "\r\n\r\nGET / HTTP/1.1\r\n", "refused", "2.2: that is not the signature"},
    {"v2 tcp4", v2(0x21, 0x11, v4_addresses), "client 192.0.2.1", "2.2"},
    {"v2 tcp6", v2(0x21, 0x21, v6_addresses), "client 2001:db8::1", "2.2"},
    {"v2 tcp4 with TLVs", v2(0x21, 0x11, v4_addresses + tlv_alpn + tlv_noop), "client 192.0.2.1", "2.2.1: skipped"},
    {"v2 tcp6 with TLVs", v2(0x21, 0x21, v6_addresses + tlv_noop), "client 2001:db8::1", "2.2.1: skipped"},
    {"v2 local", v2(0x20, 0x00, ""), "client -", "2.2: the balancer's own connection"},
    {"v2 local with addresses", v2(0x20, 0x11, v4_addresses), "client -", "2.2: LOCAL: to be discarded"},
    {"v2 local with anything", v2(0x20, 0x7f, "xyz"), "client -", "2.2: LOCAL: to be discarded"},
    {"v2 unspec", v2(0x21, 0x00, ""), "client -", "2.2: the real addresses are to be used"},
    {"v2 unspec with bytes", v2(0x21, 0x00, "anything"), "client -", "2.2: skipped by the length"},
    {"v2 unix", v2(0x21, 0x31, std::string(216, 'u')), "client -", "2.2: no address of IP"},
    {"v2 unix too short", v2(0x21, 0x31, std::string(215, 'u')), "refused", "2.2: 216 bytes"},
    {"v2 udp4", v2(0x21, 0x12, v4_addresses), "refused", "2.2: a request is no datagram"},
    {"v2 udp6", v2(0x21, 0x22, v6_addresses), "refused", "2.2: a request is no datagram"},
    {"v2 tcp unspecified", v2(0x21, 0x10, v4_addresses), "refused", "2.2: must be rejected"},
    {"v2 unknown family", v2(0x21, 0x41, v4_addresses), "refused", "2.2: must be rejected"},
    {"v2 version 1", v2(0x11, 0x11, v4_addresses), "refused", "2.2: the version must be 2"},
    {"v2 version 3", v2(0x31, 0x11, v4_addresses), "refused", "2.2: the version must be 2"},
    {"v2 command 2", v2(0x22, 0x11, v4_addresses), "refused", "2.2: LOCAL or PROXY"},
    {"v2 too short for v4", v2(0x21, 0x11, v4_addresses.substr(1)), "refused", "2.2: 12 bytes"},
    {"v2 too short for v6", v2(0x21, 0x21, v6_addresses.substr(1)), "refused", "2.2: 36 bytes"},
    {"v2 no addresses", v2(0x21, 0x11, ""), "refused", "2.2: 12 bytes"},
    {"v2 TLV cut in its length", v2(0x21, 0x11, v4_addresses + "\x01\x00"s), "refused", "2.2.1: three bytes"},
    {"v2 TLV longer than the rest", v2(0x21, 0x11, v4_addresses + "\x01\x00\x05h2"s), "refused",
     "2.2.1: the length"},
    {"v2 longest", v2(0x21, 0x11, v4_addresses + "\x04\x0f\xe1"s + std::string(4'065, 'x')), "client 192.0.2.1",
     "2.2: 4096 bytes are taken"},
    {"v2 too long", v2(0x21, 0x11, v4_addresses + "\x04\x0f\xe2"s + std::string(4'066, 'x')), "refused",
     "2.2: a bound of ours"},
    {"v2 length of 65535", v2(0x21, 0x11, "").substr(0, 14) + "\xff\xff", "refused",
     "2.2: known before it has come"},
    {"v2 half of the signature", signature.substr(0, 7), "more", "2: a header may come in pieces"},
    {"v2 signature alone", signature, "more", "2.2"},
    {"v2 signature with a flaw", "\r\n\r\n\0\r\nQUIX\n"s, "refused", "2.2: the signature"},
    {"v2 length alone", v2(0x21, 0x11, v4_addresses).substr(0, 16), "more", "2.2"},
    {"v2 a byte missing", v2(0x21, 0x11, v4_addresses).substr(0, 27), "more", "2.2"},
};

}  // namespace

TEST_CASE("a PROXY header is read by the letter, or refused") {
  std::set<std::string> names;
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.why);
    CHECK(read(row.bytes) == row.expected);
    CHECK(names.insert(row.name).second);
  }
}

TEST_CASE("what follows a complete header is not part of it, and each beginning of one waits for more") {
  for (const auto& row : rows) {
    if (!row.expected.starts_with("client")) continue;
    CAPTURE(row.name);
    for (const auto* next : {"", "GET / HTTP/1.1\r\n", "\r\n", "PROXY UNKNOWN\r\n"}) {
      const auto header = read_proxy_header(row.bytes + next);
      CHECK(header.state == ProxyHeader::State::complete);
      CHECK(header.bytes == row.bytes.size());
    }
    for (std::size_t length = 0; length < row.bytes.size(); ++length) {
      REQUIRE(read_proxy_header(row.bytes.substr(0, length)).state == ProxyHeader::State::incomplete);
    }
  }
}

TEST_CASE("a PROXY header that we write is read as it was meant") {
  const auto address = [](const char* text) { return *parse_ip(text); };
  const ProxyParties sides[] = {
      {.client = {address("192.0.2.1"), 56'324}, .local = {address("10.0.0.1"), 443}},
      {.client = {address("2001:db8::1"), 1}, .local = {address("2001:db8::2"), 65'535}},
      {.client = {address("192.0.2.1"), 0}, .local = {address("2001:db8::2"), 443}},
      {.client = {address("2001:db8::1"), 256}, .local = {address("10.0.0.1"), 255}},
  };
  for (const auto& parties : sides) {
    for (const auto version : {ProxyVersion::v1, ProxyVersion::v2}) {
      const auto written = write_proxy_header(version, parties);
      CAPTURE(written);
      const auto header = read_proxy_header(written + "GET");
      CHECK(header.parties == parties);
      CHECK(header.bytes == written.size());
    }
    CHECK(write_proxy_header(ProxyVersion::none, parties).empty());
  }
}

TEST_CASE("the PROXY headers that we write have exactly these bytes") {
  const ProxyParties v4{.client = {*parse_ip("192.0.2.1"), 56'324}, .local = {*parse_ip("10.0.0.1"), 443}};
  const ProxyParties mixed{.client = v4.client, .local = {*parse_ip("2001:db8::2"), 443}};
  CHECK(write_proxy_header(ProxyVersion::v1, v4) == v1("TCP4 192.0.2.1 10.0.0.1 56324 443"));
  CHECK(write_proxy_header(ProxyVersion::v2, v4) == v2(0x21, 0x11, v4_addresses));
  CHECK(write_proxy_header(ProxyVersion::v1, mixed) == v1("TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443"));
  CHECK(write_proxy_header(ProxyVersion::v1) == v1("UNKNOWN"));
  CHECK(write_proxy_header(ProxyVersion::v2) == v2(0x20, 0x00, ""));
}
