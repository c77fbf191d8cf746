#pragma once

#include "proxy/http/forwarded.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::http {

// One end of a connection.
struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;  // 0: not known

  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
};

// Both ends of a client's connection: itself, and where it connected to.
struct ProxyParties {
  SocketAddress client;
  SocketAddress local;

  friend bool operator==(const ProxyParties&, const ProxyParties&) = default;
};

// What a balancer says of a connection it passes on, before anything else on it: the PROXY protocol, versions 1 and
// 2 (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2).
struct ProxyHeader {
  enum class State : std::uint8_t { incomplete, complete, refused };

  State state = State::incomplete;
  std::size_t bytes = 0;  // complete: of the header; what follows belongs to the connection
  // None: the balancer speaks for itself (LOCAL, UNKNOWN, a family that is not IP): the connection's own addresses
  // stand.
  std::optional<ProxyParties> parties;
  std::string_view problem;  // refused: what is wrong, for people
};

// The longest header that is taken: of version 1 by its definition, of version 2 with its TLVs, which are passed
// over.
inline constexpr std::size_t proxy_v1_bytes_max = 107;
inline constexpr std::size_t proxy_v2_bytes_max = 4'096;

// Reads the header at the beginning of `bytes`. While it is incomplete all of `bytes` belongs to it, so they may be
// taken off the connection. Nothing is repaired: what is not exactly one of the two forms is refused.
ProxyHeader read_proxy_header(std::string_view bytes);

enum class ProxyVersion : std::uint8_t { none, v1, v2 };

// The header of a connection that is made for a client. Where one address is of IPv4 and the other is not, both are
// written as IPv6. Empty for `none`.
std::string write_proxy_header(ProxyVersion version, const ProxyParties& parties);
// The header of a connection of our own, such as a health check's: UNKNOWN or LOCAL.
std::string write_proxy_header(ProxyVersion version);

}  // namespace drawbridge::http
