#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace drawbridge::net {

// An IPv4 or IPv6 address with port, as the kernel takes it. A value; the empty one (length 0) means "none".
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;

  // Copies an AF_INET or AF_INET6 address; of any other family the result is empty.
  static Endpoint from(const sockaddr* address, socklen_t length);

  bool empty() const { return length == 0; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  std::uint16_t port() const;
  std::string text() const;     // "127.0.0.1:8080", "[::1]:8080"; "" when empty
  std::string address() const;  // without port and brackets: "127.0.0.1", "::1"

  // Same family, address, port and scope.
  friend bool operator==(const Endpoint& a, const Endpoint& b);
};

// "127.0.0.1:8080" or "[::1]:8080"; nullopt on anything else, names included.
std::optional<Endpoint> parse_endpoint(std::string_view text);

}  // namespace drawbridge::net
