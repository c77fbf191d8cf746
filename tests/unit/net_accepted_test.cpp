#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <sys/socket.h>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

struct Witness final : net::Stream::Hangup, net::Stream::Reset, net::Stream::Rest {
  int hung_ups = 0, resets = 0, stirs = 0;
  void hung_up() override { ++hung_ups; }
  void was_reset(base::Failure) override { ++resets; }
  void stirred(base::Result<void>) override { ++stirs; }
};

// A stream that was just accepted, and the descriptor of its client.
struct Door {
  Door() : Door(pair()) {}
  explicit Door(std::array<int, 2> fds)
      : client(fds[1]), stream(loop, net::UniqueFd(fds[0]), base::Fault::client, net::Stream::Start::accepted) {}
  static std::array<int, 2> pair() {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    return fds;
  }
  // What a read finds without waiting; -1: it would wait.
  long read_now() {
    std::array<char, 16> room{};
    auto reading = stream.read_some(room, base::SteadyTime::max());
    if (!reading.await_ready()) return -1;
    return static_cast<long>(reading.await_resume().value());
  }
  void turn(std::chrono::milliseconds later) {
    now += later;
    for (int i = 0; i < 3; ++i) loop.turn_at(now);
  }

  net::Loop loop;
  base::SteadyTime now = loop.now();
  net::UniqueFd client;
  net::Stream stream;
};

net::Task<> note(std::string& order, char what, net::Loop* posts_to) {
  order += what;
  if (posts_to != nullptr) posts_to->post([&order] { order += 'p'; });
  co_return;
}

}  // namespace

TEST_CASE("what has come with a new connection is read and answered without the loop having to watch it") {
  Door door;
  CHECK(send(door.client.get(), "hello", 5, 0) == 5);
  CHECK(door.read_now() == 5);
  CHECK(door.stream.write_now("bye").value() == 3);
  CHECK_FALSE(door.loop.turn_at(door.now));
  CHECK_FALSE(door.stream.is_watched());
  CHECK_FALSE(door.stream.was_quiet());  // nobody could have told
}

TEST_CASE("who waits for more on a new connection is told, of what came before as well") {
  Door door;
  CHECK(door.read_now() == -1);
  CHECK(send(door.client.get(), "hello", 5, 0) == 5);
  Witness witness;
  door.stream.rest(witness, door.now + 1s);
  door.turn(0ms);
  CHECK(witness.stirs == 1);
  CHECK(door.read_now() == 5);
}

TEST_CASE("a client that leaves a new connection is heard within two ticks though nobody waits for it") {
  Door door;
  Witness witness;
  door.stream.on_hangup(&witness);
  door.stream.on_reset(&witness);
  door.client.reset();
  door.turn(0ms);
  CHECK(witness.hung_ups == 0);
  door.turn(2 * net::Wheel::tick);
  CHECK(witness.hung_ups == 1);
  CHECK(witness.resets == 1);
}

TEST_CASE("what is posted does not wait for all that is ready") {
  net::Loop loop;
  std::string order;
  loop.spawn_soon(note(order, 'a', &loop));
  loop.spawn_soon(note(order, 'b', nullptr));
  loop.spawn_soon(note(order, 'c', nullptr));
  loop.turn_at(loop.now());
  CHECK(order == "apbc");
}
