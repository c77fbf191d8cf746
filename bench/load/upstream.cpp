// The server behind the proxies under measurement: one thread, epoll, no logging, every request read to its last
// byte before it is answered. It knows just enough HTTP/1.1 for what a proxy sends it.
//
//   bench_upstream PORT     GET /bytes/N answers N bytes; any other method reads its body and answers how long it
//   was
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unordered_map>

namespace drawbridge::bench {
namespace {

constexpr std::size_t read_bytes_max = 64UL * 1024;
constexpr std::size_t filler_bytes_max = 256UL * 1024;
constexpr std::size_t chunk_line_bytes_max = 64;

enum class BodyKind : std::uint8_t { none, length, chunk_line, chunk_data, chunk_trailer };

struct Connection {
  int descriptor = -1;
  std::string unread;
  std::string unsent;
  std::uint64_t filler_left = 0;  // bytes of the answer's body still to be sent
  BodyKind body = BodyKind::none;
  std::uint64_t body_left = 0;
  std::uint64_t body_seen = 0;
  bool in_request = false;
};

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// The value of a field, found without regard to case.
std::string_view field(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  const auto found = std::search(head.begin(), head.end(), name.begin(), name.end(), same);
  if (found == head.end()) return {};
  const std::size_t from = static_cast<std::size_t>(found - head.begin()) + name.size();
  std::string_view value = head.substr(from, head.find('\r', from) - from);
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

void begin_answer(Connection& connection, std::uint64_t size) {
  connection.unsent += "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ";
  connection.unsent += std::to_string(size);
  connection.unsent += "\r\n\r\n";
}

void answer_body(Connection& connection) {
  const std::string count = std::to_string(connection.body_seen) + "\n";
  begin_answer(connection, count.size());
  connection.unsent += count;
  connection.in_request = false;
}

void begin_request(Connection& connection, std::string_view head) {
  constexpr std::string_view get = "GET /bytes/";
  if (head.starts_with("GET ")) {
    const std::uint64_t size = head.starts_with(get) ? number(head.substr(get.size()), 10) : 0;
    begin_answer(connection, size);
    connection.filler_left = size;
    return;
  }
  connection.in_request = true;
  connection.body_seen = 0;
  const bool chunked = field(head, "\r\ntransfer-encoding:") == "chunked";
  connection.body = chunked ? BodyKind::chunk_line : BodyKind::length;
  connection.body_left = chunked ? 0 : number(field(head, "\r\ncontent-length:"), 10);
}

// Consumes body bytes from the front of `data`; returns how many, 0 when it needs more.
std::size_t consume_data(Connection& connection, std::string_view data) {
  const std::uint64_t taken = std::min<std::uint64_t>(connection.body_left, data.size());
  connection.body_left -= taken;
  connection.body_seen += taken;
  return static_cast<std::size_t>(taken);
}

std::size_t consume_line(Connection& connection, std::string_view data) {
  const std::size_t end = data.substr(0, chunk_line_bytes_max).find("\r\n");
  if (end == std::string_view::npos) return 0;
  if (connection.body == BodyKind::chunk_line) {
    connection.body_left = number(data.substr(0, end), 16);
    connection.body = connection.body_left == 0 ? BodyKind::chunk_trailer : BodyKind::chunk_data;
  } else if (end == 0) {
    answer_body(connection);
  }
  return end + 2;
}

std::size_t consume_chunk(Connection& connection, std::string_view data) {
  if (connection.body_left > 0) return consume_data(connection, data);
  if (data.size() < 2) return 0;
  connection.body = BodyKind::chunk_line;
  return 2;
}

std::size_t consume_head(Connection& connection, std::string_view data) {
  const std::size_t end = data.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  begin_request(connection, data.substr(0, end + 2));
  if (connection.in_request && connection.body == BodyKind::length && connection.body_left == 0) {
    answer_body(connection);
  }
  return end + 4;
}

std::size_t consume(Connection& connection, std::string_view data) {
  if (!connection.in_request) return consume_head(connection, data);
  switch (connection.body) {
    case BodyKind::none:
      return 0;
    case BodyKind::length: {
      const std::size_t taken = consume_data(connection, data);
      if (connection.body_left == 0) answer_body(connection);
      return taken;
    }
    case BodyKind::chunk_data:
      return consume_chunk(connection, data);
    case BodyKind::chunk_line:
    case BodyKind::chunk_trailer:
      return consume_line(connection, data);
  }
  return 0;
}

void process(Connection& connection) {
  std::string_view data = connection.unread;
  while (!data.empty() && connection.filler_left == 0) {
    const std::size_t taken = consume(connection, data);
    if (taken == 0) break;
    data.remove_prefix(taken);
  }
  connection.unread.erase(0, connection.unread.size() - data.size());
}

// Sends until the kernel takes no more. False: the connection is over.
bool flush(Connection& connection) {
  static const std::string filler(filler_bytes_max, 'x');
  while (!connection.unsent.empty() || connection.filler_left > 0) {
    std::array<iovec, 2> parts{{{.iov_base = connection.unsent.data(), .iov_len = connection.unsent.size()},
                                {.iov_base = const_cast<char*>(filler.data()),
                                 .iov_len = std::min<std::uint64_t>(filler.size(), connection.filler_left)}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(connection.descriptor, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    const auto of_unsent = std::min(static_cast<std::size_t>(sent), connection.unsent.size());
    connection.unsent.erase(0, of_unsent);
    connection.filler_left -= static_cast<std::size_t>(sent) - of_unsent;
  }
  return true;
}

// Goes on until the kernel has no more to give or takes no more. False: close the connection.
bool serve(Connection& connection) {
  static std::array<char, read_bytes_max> buffer;
  while (true) {
    if (!flush(connection)) return false;
    if (!connection.unsent.empty() || connection.filler_left > 0) return true;
    const ssize_t got = recv(connection.descriptor, buffer.data(), buffer.size(), 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    connection.unread.append(buffer.data(), static_cast<std::size_t>(got));
    process(connection);
    // A short read emptied the socket: what comes later is a new edge.
    if (static_cast<std::size_t>(got) < buffer.size()) return flush(connection);
  }
}

int listen_on(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, SOMAXCONN) != 0) {
    std::perror("bench_upstream");
    std::exit(1);
  }
  return listener;
}

void watch(int poller, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.fd = descriptor;
  epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
}

[[noreturn]] void run(std::uint16_t port) {
  const int listener = listen_on(port);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  std::unordered_map<int, Connection> connections;
  std::array<epoll_event, 256> ready{};
  while (true) {
    const int count = epoll_wait(poller, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int descriptor = ready[static_cast<std::size_t>(i)].data.fd;
      if (descriptor == listener) {
        const int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0) continue;
        const int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[client].descriptor = client;
        watch(poller, client);
      } else if (!serve(connections[descriptor])) {
        connections.erase(descriptor);
        close(descriptor);
      }
    }
  }
}

}  // namespace
}  // namespace drawbridge::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: bench_upstream PORT\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  drawbridge::bench::run(static_cast<std::uint16_t>(std::atoi(argv[1])));
}
