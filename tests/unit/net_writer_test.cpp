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

struct Ended {
  base::Result<void> result;
  int meals = 0;  // of the peer's, until then
};

// A write whose peer takes a little in each tick, too little for the kernel to tell of room.
Ended write_to_a_slow_peer(base::Millis patience) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  net::Loop loop;
  loop.limit_io(8 * 1024);
  net::Stream stream(loop, net::UniqueFd(fds[0]), base::Fault::client);
  const net::UniqueFd peer(fds[1]);
  std::optional<base::Result<void>> end;
  loop.spawn(write_much(stream, patience, end));
  std::array<char, 16 * 1024> taken{};
  int meals = 0;
  for (auto now = loop.now(); !end; now += net::Wheel::tick) {
    REQUIRE(::recv(peer.get(), taken.data(), taken.size(), 0) > 0);
    ++meals;
    loop.turn_at(now);
  }
  return {.result = *end, .meals = meals};
}

}  // namespace

TEST_CASE("a writer with patience waits for who takes a little") {
  CHECK(write_to_a_slow_peer(50ms).result.has_value());
}

TEST_CASE("a writer without patience does not wait for who takes a little") {
  const auto end = write_to_a_slow_peer(0ms);
  REQUIRE_FALSE(end.result.has_value());
  CHECK(end.result.error().reason == base::Reason::timed_out);
  CHECK(end.meals <= 3);  // a deadline may be two ticks late
}
