// Any text for an address, a network, an authority or a chain of proxies: what is read writes back to itself.
#include "proxy/http/forwarded.h"
#include "proxy/http/reader.h"
#include "proxy/http/target.h"
#include "tests/fuzz/fuzz_check.h"

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

void check_address(std::string_view text) {
  const auto address = parse_ip(text);
  if (!address) return;
  const auto written = format_ip(*address);
  FUZZ_CHECK(written.length <= written.text.size());
  FUZZ_CHECK(parse_ip(written.view()) == address);
  FUZZ_CHECK(parse_ip_and_port(text) == address);
}

void check_net(std::string_view text) {
  const auto net = parse_net(text);
  if (!net) return;
  FUZZ_CHECK(net->prefix_bits <= 128);
  FUZZ_CHECK(net->contains(net->address));
}

void check_authority(std::string_view text) {
  const auto authority = parse_authority(text);
  if (!authority) return;
  FUZZ_CHECK(!authority->host.empty() && authority->port.size() <= 5);
  FUZZ_CHECK(text.find_first_of("/?#@\\ \t,%") == std::string_view::npos);
  FUZZ_CHECK(same_authority(*authority, *authority, "http"));
}

void check_chain(const std::string& value) {
  static RequestHead head;
  const auto bytes = "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: " + value +
                     "\r\nX-Forwarded-Host: " + value + "\r\nX-Forwarded-Proto: " + value + "\r\n\r\n";
  if (parse_request(bytes, HeadLimits{}, head)) return;
  TrustedNets trusted;
  trusted.add(parse_net("10.0.0.0/8").value());
  const auto stranger = parse_ip("192.0.2.1").value();
  FUZZ_CHECK(effective_client(stranger, "http", head, trusted).address == stranger);
  const auto client = effective_client(parse_ip("10.0.0.1").value(), "http", head, trusted);
  FUZZ_CHECK(client.scheme == "http" || client.scheme == "https");
  FUZZ_CHECK(parse_authority(client.host).has_value());
  FUZZ_CHECK(parse_ip(format_ip(client.address).view()) == client.address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check_address(text);
  check_net(text);
  check_authority(text);
  check_chain(text);
  static_cast<void>(is_well_formed_request_id(text));
  return 0;
}
