#include "proxy/net/listener.h"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

namespace drawbridge::net {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

base::Expected<SocketAddress> read_address(const std::string& address) {
  const base::Error wrong{
      fmt::format("'{}' is not an address to listen on; write IP:port or [IPv6]:port", address)};
  const auto colon = address.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string::npos || !read_port(std::string_view(address).substr(colon + 1), port)) {
    return std::unexpected(wrong);
  }
  auto host = address.substr(0, colon);
  SocketAddress out;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.length = sizeof *v6;
    host = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::unexpected(wrong);
    return out;
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  out.length = sizeof *v4;
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return std::unexpected(wrong);
  return out;
}

void set_option(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

base::Error listen_error(const std::string& address, const char* call) {
  auto text = fmt::format("cannot listen on {}: {}: {}", address, call, std::strerror(errno));
  if (errno == EADDRINUSE) text += "; another program has this port (`ss -ltnp` shows which)";
  if (errno == EACCES) text += "; ports below 1024 need CAP_NET_BIND_SERVICE";
  return {text};
}

enum class Sharing : std::uint8_t { alone, with_other_workers };

base::Expected<UniqueFd> bind_to(const std::string& address, Sharing sharing) {
  const auto where = read_address(address);
  if (!where) return std::unexpected(where.error());
  UniqueFd fd(::socket(where->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return std::unexpected(listen_error(address, "socket"));
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (sharing == Sharing::with_other_workers) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where->storage), where->length) != 0) {
    return std::unexpected(listen_error(address, "bind"));
  }
  return fd;
}

std::string format_address(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6->sin6_port));
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
  inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
  return fmt::format("{}:{}", text, ntohs(v4->sin_port));
}

}  // namespace

base::Expected<UniqueFd> listen_on(const std::string& address) {
  auto fd = bind_to(address, Sharing::with_other_workers);
  if (!fd) return fd;
  set_option(fd->get(), IPPROTO_TCP, TCP_NODELAY);  // inherited by what is accepted
  if (::listen(fd->get(), SOMAXCONN) != 0) return std::unexpected(listen_error(address, "listen"));
  return fd;
}

base::Expected<void> check_vacant(const std::string& address) {
  const auto fd = bind_to(address, Sharing::alone);
  if (!fd) return std::unexpected(fd.error());
  return {};
}

std::string bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return format_address(storage);
}

std::string canonical_address(const std::string& address) {
  const auto where = read_address(address);
  return where ? format_address(where->storage) : address;
}

bool overlap(const std::string& one, const std::string& other) {
  const auto colon = one.rfind(':'), other_colon = other.rfind(':');
  if (colon == std::string::npos || other_colon == std::string::npos) return one == other;
  if (one.substr(colon) != other.substr(other_colon)) return false;
  const auto is_any = [](std::string_view host) { return host == "0.0.0.0" || host == "[::]"; };
  const auto host = one.substr(0, colon), other_host = other.substr(0, other_colon);
  return host == other_host || is_any(host) || is_any(other_host);
}

Listener::Listener(Loop& loop, UniqueFd fd, Handler& handler, std::size_t number)
    : loop_(loop), fd_(std::move(fd)), handler_(handler), number_(number), resume_(loop.wheel(), *this) {
  loop_.watch(fd_.get(), EPOLLIN, *this);
}

Listener::~Listener() {
  if (fd_.valid()) loop_.unwatch(fd_.get(), *this);
}

void Listener::close() {
  if (!fd_.valid()) return;
  accept_burst();
  queue_ended();
  loop_.unwatch(fd_.get(), *this);
  fd_.reset();
  resume_.disarm();
}

void Listener::look() {
  accept_burst();
}
void Listener::on_events(std::uint32_t) {
  accept_burst();
}
void Listener::deadline_passed(Deadline&) {
  accept_burst();
}

bool Listener::somebody_waits() const {
  pollfd queue{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&queue, 1, 0) == 1;
}

// Of a listening socket, tcpi_unacked is the length of its queue (tcp_get_info() in net/ipv4/tcp.c).
std::size_t Listener::queue_length() const {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_unacked > 0) {
    return info.tcpi_unacked;
  }
  return somebody_waits() ? 1 : 0;
}

void Listener::keep_waiting() {
  arrivals_.seen(queue_length(), loop_.now());
  if (arrivals_.count() == 0) return queue_ended();
  const auto patience = handler_.kept_waiting(number_, arrivals_);
  resume_.arm(patience.ask_again);
  for (std::size_t count = 0; count < turned_away_max; ++count) {
    const auto came = arrivals_.first();
    if (!came || *came > patience.too_long_since) return;
    UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client.valid()) return;
    arrivals_.take();
    handler_.turned_away(std::move(client), number_);
  }
}

void Listener::queue_ended() {
  arrivals_.clear();
  handler_.nobody_waits(number_);
}

// To look whether somebody waits costs 0.2 µs, to accept in vain 1.6: the kernel makes the socket first.
void Listener::accept_burst() {
  while (fd_.valid()) {
    const auto came = arrivals_.first().value_or(loop_.now());
    if (!handler_.may_accept(number_, came)) return keep_waiting();
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    UniqueFd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      arrivals_.take();
      handler_.accepted(std::move(fd), peer, number_, came);
      if (fd_.valid() && !somebody_waits()) return queue_ended();
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return queue_ended();
    handler_.accept_paused(errno);
    resume_.arm(loop_.now() + pause);
    return;
  }
}

}  // namespace drawbridge::net
