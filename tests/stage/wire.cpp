#include "tests/stage/wire.h"

#include "proxy/base/check.h"
#include "tests/stage/script.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace drawbridge::stage {
namespace {

net::UniqueFd local_socket() {
  net::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  DRAWBRIDGE_CHECK(fd.valid());
  return fd;
}

}  // namespace

// Bound to nothing but a family, the kernel gives it a name of its own (unix(7), autobind).
net::UniqueFd listen_locally() {
  auto fd = local_socket();
  const sockaddr any{.sa_family = AF_UNIX, .sa_data = {}};
  DRAWBRIDGE_CHECK(::bind(fd.get(), &any, sizeof any.sa_family) == 0);
  DRAWBRIDGE_CHECK(::listen(fd.get(), SOMAXCONN) == 0);
  return fd;
}

net::Endpoint local_endpoint(int listener) {
  net::Endpoint endpoint;
  endpoint.length = sizeof endpoint.storage;
  const auto named = ::getsockname(listener, reinterpret_cast<sockaddr*>(&endpoint.storage), &endpoint.length);
  DRAWBRIDGE_CHECK(named == 0);
  return endpoint;
}

net::UniqueFd connect_locally(const net::Endpoint& endpoint) {
  auto fd = local_socket();
  DRAWBRIDGE_CHECK(::connect(fd.get(), endpoint.data(), endpoint.length) == 0);
  return fd;
}

Wire::Wire(net::UniqueFd fd, std::unique_ptr<tests::ClientTls> tls) : fd_(std::move(fd)), tls_(std::move(tls)) {
  flush();
}

bool Wire::receive(std::uint64_t tick) {
  bool came = false;
  std::array<char, 16 * 1024> room;
  while (open() && !ended_) {
    const auto got = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (got < 0 && errno == EAGAIN) return came;
    came = true;
    if (got <= 0) {
      ended_ = true;
      broken_ = broken_ || got < 0;
      return came;
    }
    take_in({room.data(), static_cast<std::size_t>(got)}, tick);
  }
  return came;
}

void Wire::take_in(std::string_view bytes, std::uint64_t tick) {
  if (tls_) {
    tls_->hear(bytes);
    received_ += tls_->take_plain();
    flush();
  } else {
    received_ += bytes;
  }
  arrivals_.push_back({.end = received_.size(), .tick = tick});
}

// A piece is a record: none is made while one waits, or the handshake goes on.
std::size_t Wire::send(std::string_view bytes) {
  if (!open() || broken_) return 0;
  if (tls_) {
    if (!flush() || !tls_->established()) return 0;
    tls_->say(bytes);
    flush();
  }
  const auto count = tls_ ? bytes.size() : put(bytes);
  sent_ += bytes.substr(0, count);
  return count;
}

bool Wire::flush() {
  if (tls_) sealed_ += tls_->take_sealed();
  if (!sealed_.empty() && !broken_) sealed_.erase(0, put(sealed_));
  return sealed_.empty();
}

std::size_t Wire::put(std::string_view bytes) {
  const auto done = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (done < 0) {
    broken_ = errno != EAGAIN;
    return 0;
  }
  return static_cast<std::size_t>(done);
}

void Wire::shutdown_send() {
  if (tls_) tls_->finish();
  flush();
  ::shutdown(fd_.get(), SHUT_WR);
  broken_ = true;
}

std::uint64_t Wire::tick_of(std::size_t offset) const {
  const auto found = std::find_if(arrivals_.begin(), arrivals_.end(),
                                  [&](const Arrival& arrival) { return offset < arrival.end; });
  return found == arrivals_.end() ? UINT64_MAX : found->tick;
}

bool Speech::say(Wire& wire) {
  if (paused_ || said()) return false;
  if (wire.broken() || !wire.open()) {
    at_ = text_.size();
    return true;
  }
  if (text_[at_] == Script::pause) {
    ++at_;
    return paused_ = true;
  }
  const auto to_pause = std::min(text_.find(Script::pause, at_), text_.size()) - at_;
  const auto count = wire.send(std::string_view(text_).substr(at_, std::min(piece_bytes_, to_pause)));
  at_ += count;
  return count > 0 || wire.broken();
}

bool Speech::resume() {
  return std::exchange(paused_, false);
}

}  // namespace drawbridge::stage
