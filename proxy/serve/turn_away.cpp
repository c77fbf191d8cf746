#include "proxy/serve/turn_away.h"

#include <string_view>
#include <sys/socket.h>
#include <utility>

namespace drawbridge::serve {
namespace {

constexpr std::string_view no_room =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 59\r\n"
    "Cache-Control: no-store\r\n"
    "Retry-After: 5\r\n"
    "Drawbridge-Not-Processed: 1\r\n"
    "Connection: close\r\n\r\n"
    "This server has no room for more connections. Try it again.";
static_assert(no_room.substr(no_room.find("\r\n\r\n") + 4).size() == 59);

constexpr std::string_view speaks_https =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 103\r\n"
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n\r\n"
    "This port speaks HTTPS, and a plain HTTP request came. Use an address that begins with https:// for it.";
static_assert(speaks_https.substr(speaks_https.find("\r\n\r\n") + 4).size() == 103);

// Empty SETTINGS, and GOAWAY, NO_ERROR, of no stream (RFC 9113 section 6.8): all may be sent again elsewhere.
constexpr std::string_view goodbye(
    "\0\0\0\x04\0\0\0\0\0"
    "\0\0\x08\x07\0\0\0\0\0"
    "\0\0\0\0"
    "\0\0\0\0",
    26);

constexpr char handshake_record = 0x16;  // RFC 8446 section 5.1

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr int chunks_max = 16;

// Input that nobody has read makes the kernel answer close() with a reset, which can destroy our answer on its way.
void drop_input(int fd) {
  for (int chunk = 0; chunk < chunks_max; ++chunk) {
    if (::recv(fd, nullptr, chunk_bytes, MSG_DONTWAIT | MSG_TRUNC) <= 0) return;
  }
}

void say(net::UniqueFd client, std::string_view words) {
  drop_input(client.get());
  if (::send(client.get(), words.data(), words.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
  ::shutdown(client.get(), SHUT_WR);
  drop_input(client.get());
}

}  // namespace

void turn_away(net::UniqueFd client, bool secure) {
  char first[4] = {};
  const auto got = ::recv(client.get(), first, sizeof first, MSG_DONTWAIT | MSG_PEEK);
  const std::string_view begins(first, got > 0 ? static_cast<std::size_t>(got) : 0);
  const bool will_shake_hands = begins.empty() ? secure : begins.starts_with(handshake_record);
  if (will_shake_hands) return drop_input(client.get());
  say(std::move(client), begins == "PRI " ? goodbye : no_room);
}

void ask_for_https(net::UniqueFd client) {
  say(std::move(client), speaks_https);
}

}  // namespace drawbridge::serve
