#include "tests/loop/raw_socket.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>

namespace drawbridge::tests {
namespace {

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

// A call that may wait for a time ends early when the process is stopped and goes on (signal(7)): made again.
auto whole(const auto& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

RawSocket::RawSocket(net::UniqueFd fd) : fd_(std::move(fd)) {
  const timeval patience{.tv_sec = patience_seconds, .tv_usec = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;  // what was said is there, also where time stands still
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawSocket RawSocket::connect(std::uint16_t port) {
  net::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback(port);
  check(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
  return RawSocket(std::move(fd));
}

void RawSocket::secure(std::string_view protocol) {
  tls_ = std::make_unique<ClientTls>(protocol);
  check(put(tls_->take_sealed()), "send");
}

void RawSocket::come_in() {
  while (tls_ && !tls_->established()) check(hear_of_wire(), "the connection ended in its handshake");
}

void RawSocket::send(std::string_view bytes) {
  check(try_send(bytes), "send");
}

bool RawSocket::try_send(std::string_view bytes) {
  if (!tls_) return put(bytes);
  tls_->say(bytes);
  return put(tls_->take_sealed());
}

bool RawSocket::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = whole([&] { return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawSocket::fits(std::string_view bytes, int milliseconds) {
  if (tls_) tls_->say(bytes);
  const auto sealed = tls_ ? tls_->take_sealed() : std::string(bytes);
  pollfd wanted{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
  std::size_t taken = 0;
  while (taken < sealed.size()) {
    if (whole([&] { return ::poll(&wanted, 1, milliseconds); }) != 1) return false;
    const auto sent = ::send(fd_.get(), sealed.data() + taken, sealed.size() - taken, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    taken += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  }
  return true;
}

// Empty at the end.
std::string_view RawSocket::take(std::span<char> into) {
  if (end_) return {};
  const auto got = whole([&] { return ::recv(fd_.get(), into.data(), into.size(), 0); });
  if (got > 0) return {into.data(), static_cast<std::size_t>(got)};
  check(got == 0 || errno == ECONNRESET, "nothing came in time");
  end_ = got < 0 ? End::reset : tls_ && !tls_->heard_end() ? End::cut : End::fin;
  return {};
}

bool RawSocket::hear_of_wire() {
  std::array<char, 16 * 1024> room;
  const auto bytes = take(room);
  if (bytes.empty()) return false;
  if (!tls_) {
    received_ += bytes;
    return true;
  }
  tls_->hear(bytes);
  received_ += tls_->take_plain();
  put(tls_->take_sealed());  // lost if nobody hears it any more
  return true;
}

bool RawSocket::receive() {
  const auto before = received_.size();
  while (received_.size() == before) {
    if (!hear_of_wire()) return false;
  }
  return true;
}

std::string RawSocket::read_until(std::string_view end) {
  for (;;) {
    const auto at = received_.find(end);
    if (at != std::string::npos) return read(at + end.size());
    check(receive(), "the connection ended too early");
  }
}

std::string RawSocket::read(std::size_t bytes) {
  while (received_.size() < bytes) check(receive(), "the connection ended too early");
  auto taken = received_.substr(0, bytes);
  received_.erase(0, bytes);
  return taken;
}

std::string RawSocket::read_some() {
  if (received_.empty()) receive();
  return std::exchange(received_, {});
}

std::string RawSocket::read_to_end() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

bool RawSocket::quiet_for(int milliseconds) {
  using namespace std::chrono;
  const auto until = steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (received_.empty()) {
    const auto left = ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
    pollfd wanted{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (whole([&] { return ::poll(&wanted, 1, std::max(0, static_cast<int>(left))); }) == 0) return true;
    if (!hear_of_wire()) return false;
  }
  return false;
}

void RawSocket::finish_sending() {
  if (tls_) {
    tls_->finish();
    put(tls_->take_sealed());
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void RawSocket::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

RawServer::RawServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto address = loopback(0);
  socklen_t length = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  check(::bind(fd_.get(), raw, length) == 0 && ::listen(fd_.get(), 64) == 0, "listen");
  check(::getsockname(fd_.get(), raw, &length) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
}

RawSocket RawServer::accept() {
  pollfd wanted{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  const auto came = whole([&] { return ::poll(&wanted, 1, RawSocket::patience_seconds * 1'000); });
  check(came == 1, "nobody connected in time");
  return RawSocket(net::UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

void RawServer::stop_answering() {
  check(::listen(fd_.get(), 0) == 0, "listen");
  const auto address = loopback(port_);
  for (int i = 0; i < 4; ++i) {
    fillers_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(fillers_.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
}

void RawServer::refuse() {
  const auto address = loopback(port_);
  fd_.reset();
  fd_ = net::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  check(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
}

bool RawServer::nobody_came() const {
  pollfd wanted{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, 0) == 0;
}

}  // namespace drawbridge::tests
