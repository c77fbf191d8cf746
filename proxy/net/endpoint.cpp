#include "proxy/net/endpoint.h"

#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>

namespace drawbridge::net {
namespace {

sockaddr_in as_v4(const Endpoint& endpoint) {
  sockaddr_in v4{};
  std::memcpy(&v4, &endpoint.storage, sizeof v4);
  return v4;
}

sockaddr_in6 as_v6(const Endpoint& endpoint) {
  sockaddr_in6 v6{};
  std::memcpy(&v6, &endpoint.storage, sizeof v6);
  return v6;
}

std::optional<Endpoint> from_v4(const std::string& host, std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) return std::nullopt;
  return Endpoint::from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

std::optional<Endpoint> from_v6(const std::string& host, std::uint16_t port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  return Endpoint::from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

}  // namespace

Endpoint Endpoint::from(const sockaddr* address, socklen_t length) {
  Endpoint endpoint;
  const bool known = (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) ||
                     (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6));
  if (!known) return endpoint;
  endpoint.length = address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::memcpy(&endpoint.storage, address, endpoint.length);
  return endpoint;
}

std::uint16_t Endpoint::port() const {
  if (empty()) return 0;
  return ntohs(family() == AF_INET ? as_v4(*this).sin_port : as_v6(*this).sin6_port);
}

std::string Endpoint::address() const {
  if (empty()) return {};
  char text[INET6_ADDRSTRLEN] = {};
  const auto v4 = as_v4(*this);
  const auto v6 = as_v6(*this);
  const void* raw = &v6.sin6_addr;
  if (family() == AF_INET) raw = &v4.sin_addr;
  inet_ntop(family(), raw, text, sizeof text);
  return text;
}

std::string Endpoint::text() const {
  if (empty()) return {};
  return family() == AF_INET ? fmt::format("{}:{}", address(), port()) : fmt::format("[{}]:{}", address(), port());
}

bool operator==(const Endpoint& a, const Endpoint& b) {
  if (a.length != b.length || a.family() != b.family()) return false;
  if (a.empty()) return true;
  if (a.family() == AF_INET) {
    const auto left = as_v4(a), right = as_v4(b);
    return left.sin_addr.s_addr == right.sin_addr.s_addr && left.sin_port == right.sin_port;
  }
  const auto left = as_v6(a), right = as_v6(b);
  return std::memcmp(&left.sin6_addr, &right.sin6_addr, sizeof left.sin6_addr) == 0 &&
         left.sin6_port == right.sin6_port && left.sin6_scope_id == right.sin6_scope_id;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = base::parse_decimal(text.substr(colon + 1));
  if (!port || *port > 65'535) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto number = static_cast<std::uint16_t>(*port);
  if (!host.starts_with('[')) return from_v4(std::string(host), number);
  if (!host.ends_with(']')) return std::nullopt;
  host.remove_prefix(1);
  host.remove_suffix(1);
  return from_v6(std::string(host), number);
}

}  // namespace drawbridge::net
