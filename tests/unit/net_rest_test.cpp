#include "proxy/net/loop.h"
#include "proxy/net/pipe.h"
#include "proxy/net/stream.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <fcntl.h>
#include <optional>
#include <sys/socket.h>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

struct Sleeper final : net::Stream::Rest {
  std::vector<base::Result<void>> told;
  void stirred(base::Result<void> result) override { told.push_back(result); }
};

// A stream that rests, and the descriptor of who is on its other side.
struct Bed {
  Bed() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    stream.emplace(loop, net::UniqueFd(fds[0]), base::Fault::client);
    other = net::UniqueFd(fds[1]);
    stream->rest(sleeper, now + 1s);
  }
  void turn(std::chrono::milliseconds later = 0ms) {
    now += later;
    for (int i = 0; i < 3; ++i) loop.turn_at(now);
  }

  net::Loop loop;
  base::SteadyTime now = loop.now();
  std::optional<net::Stream> stream;
  net::UniqueFd other;
  Sleeper sleeper;
};

}  // namespace

TEST_CASE("a stream that rests tells once that something has come, and reads nothing of it") {
  Bed bed;
  bed.turn(500ms);
  CHECK(bed.sleeper.told.empty());
  CHECK(send(bed.other.get(), "ab", 2, 0) == 2);
  bed.turn();
  CHECK(send(bed.other.get(), "c", 1, 0) == 1);
  bed.turn(2'000ms);
  REQUIRE(bed.sleeper.told.size() == 1);
  CHECK(bed.sleeper.told[0].has_value());
  CHECK(bed.stream->would_read());
  std::array<char, 8> seen{};
  CHECK(bed.stream->peek(seen) == 3);
}

TEST_CASE("a stream that rests tells of its end, of its deadline and of being cancelled, each once") {
  Bed ended, late, cancelled;
  ended.other.reset();
  cancelled.stream->cancel(base::Reason::cancelled);
  for (auto* bed : {&ended, &late, &cancelled}) bed->turn(2'000ms);
  for (auto* bed : {&ended, &late, &cancelled}) REQUIRE(bed->sleeper.told.size() == 1);
  CHECK(ended.sleeper.told[0].has_value());
  CHECK(late.sleeper.told[0].error().reason == base::Reason::timed_out);
  CHECK(cancelled.sleeper.told[0].error().reason == base::Reason::cancelled);
}

TEST_CASE("a loop does not end before its guests, nor before what was spawned for later in the turn") {
  net::Loop loop;
  std::optional<net::Loop::Guest> guest(loop);
  bool ran = false;
  const auto leave = [](std::optional<net::Loop::Guest>& guest_of, bool& flag) -> net::Task<> {
    flag = true;
    guest_of.reset();
    co_return;
  };
  loop.post([&] { loop.post([&] { loop.spawn_soon(leave(guest, ran)); }); });
  loop.stop();
  loop.run();
  CHECK(ran);
  CHECK(loop.tasks() == 0);
}

TEST_CASE("a stream was not quiet if something has come that is still to be told in this turn") {
  struct Neighbour final : net::Stream::Rest {
    const net::Stream* other = nullptr;
    std::optional<bool> other_was_quiet;
    void stirred(base::Result<void>) override { other_was_quiet = other->was_quiet(); }
  };
  net::Loop loop;
  int one[2], two[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, one) == 0);
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, two) == 0);
  const net::UniqueFd far_one(one[1]), far_two(two[1]);
  net::Stream first(loop, net::UniqueFd(one[0]), base::Fault::client);
  net::Stream second(loop, net::UniqueFd(two[0]), base::Fault::client);
  Neighbour of_second, of_first;
  of_second.other = &second;
  of_first.other = &first;
  const auto now = loop.now();
  first.rest(of_second, now + 1s);
  second.rest(of_first, now + 1s);
  loop.turn_at(now);
  loop.turn_at(now);
  CHECK(first.was_quiet());
  CHECK(second.was_quiet());
  CHECK(send(far_one.get(), "a", 1, 0) == 1);
  CHECK(send(far_two.get(), "b", 1, 0) == 1);
  loop.turn_at(now);
  CHECK(of_second.other_was_quiet == false);
  CHECK(of_first.other_was_quiet == false);
}

TEST_CASE("no more pipes are open than may be, whenever that changes, and one that ends makes room") {
  std::atomic<std::size_t> open_max{2};
  std::atomic<std::size_t> open_of_all{5};
  net::Pipes pipes(open_max, open_of_all);
  auto first = pipes.open();
  auto second = pipes.open();
  REQUIRE(second.has_value());
  CHECK(open_of_all == 7);
  CHECK_FALSE(pipes.open().has_value());
  first.reset();
  CHECK(pipes.open().has_value());
  open_max = 1;
  CHECK_FALSE(pipes.open().has_value());
  second.reset();
  CHECK(pipes.open().has_value());
  CHECK(open_of_all == 5);
}

TEST_CASE("a pipe holds what a sender is ahead of a receiver: more than the kernel gives unasked") {
  std::atomic<std::size_t> open_max{1};
  std::atomic<std::size_t> open_of_all{0};
  net::Pipes pipes(open_max, open_of_all);
  const auto pipe = pipes.open();
  REQUIRE(pipe.has_value());
  CHECK(fcntl(pipe->in(), F_GETPIPE_SZ) >= 256 * 1024);
}
