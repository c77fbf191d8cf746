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
    received_.append(room.data(), static_cast<std::size_t>(got));
    arrivals_.push_back({.end = received_.size(), .tick = tick});
  }
  return came;
}

std::size_t Wire::send(std::string_view bytes) {
  if (!open() || broken_) return 0;
  const auto done = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (done < 0) {
    broken_ = errno != EAGAIN;
    return 0;
  }
  const auto count = static_cast<std::size_t>(done);
  sent_ += bytes.substr(0, count);
  return count;
}

void Wire::shutdown_send() {
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
