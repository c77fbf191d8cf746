#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <sys/socket.h>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

net::Task<> write_much(net::Stream& stream, base::Millis patience, std::optional<base::Result<void>>& end) {
  const std::string much(4'000'000, 'x');
  const std::array<std::string_view, 1> parts{much};
  end = co_await stream.write(parts, patience);
}

// How a write ends whose peer takes a little each 10 ms.
base::Result<void> write_to_a_slow_peer(base::Millis patience) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  net::Loop loop;
  net::Stream stream(loop, net::UniqueFd(fds[0]), base::Fault::client);
  const net::UniqueFd peer(fds[1]);
  std::optional<base::Result<void>> end;
  loop.spawn(write_much(stream, patience, end));
  static std::array<char, 256 * 1024> taken;
  for (auto now = loop.now(); !end; now += 10ms) {
    REQUIRE(::recv(peer.get(), taken.data(), taken.size(), 0) > 0);
    while (loop.turn_at(now)) {
    }
  }
  return *end;
}

}  // namespace

TEST_CASE("a writer with patience waits for who takes a little") {
  CHECK(write_to_a_slow_peer(50ms).has_value());
}

TEST_CASE("a writer without patience does not wait for who takes a little") {
  const auto end = write_to_a_slow_peer(0ms);
  REQUIRE_FALSE(end.has_value());
  CHECK(end.error().reason == base::Reason::timed_out);
}
