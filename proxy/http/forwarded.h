#pragma once

#include "proxy/http/head.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace drawbridge::http {

// An IPv4 or IPv6 address. IPv4 is kept in its IPv4-mapped form, so that "::ffff:192.0.2.1" equals "192.0.2.1".
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "192.0.2.1" (four plain decimals, no leading zeros) or RFC 4291 text; no port, brackets or zone. nullopt
// otherwise.
std::optional<IpAddress> parse_ip(std::string_view text);

// As in X-Forwarded-For: an address, or "192.0.2.1:8080", "[2001:db8::1]", "[2001:db8::1]:8080".
std::optional<IpAddress> parse_ip_and_port(std::string_view text);

// Text of an address; lower case, RFC 5952. Fits 46 bytes.
struct IpText {
  std::array<char, 46> text{};
  std::size_t length = 0;
  std::string_view view() const { return {text.data(), length}; }
};
IpText format_ip(const IpAddress& address);

// One network in CIDR form: "10.0.0.0/8", "2001:db8::/32", or a single address.
struct IpNet {
  IpAddress address;
  unsigned prefix_bits = 128;  // counted in the 128-bit mapped form

  bool contains(const IpAddress& other) const;
};

// nullopt if it is not an address with an optional prefix length, or if bits beyond the prefix are set.
std::optional<IpNet> parse_net(std::string_view text);

// The proxies in front of us whose forwarded fields are believed. Plain value; built from configuration.
class TrustedNets {
 public:
  void add(const IpNet& net) { nets_.push_back(net); }
  bool contains(const IpAddress& address) const;
  bool empty() const { return nets_.empty(); }

 private:
  std::vector<IpNet> nets_;
};

// Who the client is, seen through the trusted proxies.
struct EffectiveClient {
  IpAddress address;
  bool trusted = false;     // the connection came from a trusted proxy
  std::string_view scheme;  // "http" or "https"
  std::string_view host;    // X-Forwarded-Host if trusted and well-formed, else head.authority
};

// X-Forwarded-For is read from the right: trusted addresses are passed over, the first other one is the client. An
// unreadable entry ends the walk: the last readable address stands. Nothing is believed if `connection` is
// untrusted.
EffectiveClient effective_client(const IpAddress& connection, std::string_view connection_scheme,
                                 const RequestHead& head, const TrustedNets& trusted);

// An X-Request-Id from a trusted proxy that is kept: 8 to 128 of A-Z a-z 0-9 - _ . : = + / @.
bool is_well_formed_request_id(std::string_view id);

}  // namespace drawbridge::http
