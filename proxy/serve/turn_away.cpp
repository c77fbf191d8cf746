#include "proxy/serve/turn_away.h"

#include <string_view>
#include <sys/socket.h>

namespace drawbridge::serve {
namespace {

constexpr std::string_view answer =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 59\r\n"
    "Cache-Control: no-store\r\n"
    "Retry-After: 5\r\n"
    "Drawbridge-Not-Processed: 1\r\n"
    "Connection: close\r\n\r\n"
    "This server has no room for more connections. Try it again.";
static_assert(answer.substr(answer.find("\r\n\r\n") + 4).size() == 59);

constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr int chunks_max = 16;

// Input that nobody has read makes the kernel answer close() with a reset, which can destroy our answer on its way.
void drop_input(int fd) {
  for (int chunk = 0; chunk < chunks_max; ++chunk) {
    if (::recv(fd, nullptr, chunk_bytes, MSG_DONTWAIT | MSG_TRUNC) <= 0) return;
  }
}

}  // namespace

void turn_away(net::UniqueFd client) {
  drop_input(client.get());
  if (::send(client.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
  ::shutdown(client.get(), SHUT_WR);
  drop_input(client.get());
}

}  // namespace drawbridge::serve
