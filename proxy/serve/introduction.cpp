#include "proxy/serve/introduction.h"

#include "proxy/serve/call.h"

#include <cstring>
#include <netinet/in.h>

namespace drawbridge::serve {
namespace {

http::SocketAddress local_address(const Client& client) {
  if (client.local.port != 0) return client.local;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(client.socket(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return address_of(address);
}

}  // namespace

http::SocketAddress address_of(const sockaddr_storage& address) {
  http::IpAddress ip;
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(ip.bytes.data(), &v6.sin6_addr, 16);
    return {.ip = ip, .port = ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  ip.bytes[10] = ip.bytes[11] = 0xff;
  std::memcpy(ip.bytes.data() + 12, &v4.sin_addr, 4);
  return {.ip = ip, .port = ntohs(v4.sin_port)};
}

// What trusted proxies say of a client has no port.
std::string introduction(const core::PoolView& pool, const Call& call) {
  if (pool.send_proxy == http::ProxyVersion::none) return {};
  const auto& client = call.channel.client();
  const auto& ip = call.client.address;
  const std::uint16_t port = ip == client.address ? client.port : 0;
  return http::write_proxy_header(pool.send_proxy, {.client = {ip, port}, .local = local_address(client)});
}

}  // namespace drawbridge::serve
