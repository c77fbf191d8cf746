#include "proxy/net/endpoint.h"
#include "proxy/net/handed_over.h"
#include "proxy/net/listener.h"
#include "proxy/net/listening_set.h"

#include <doctest/doctest.h>

#include <optional>
#include <sys/socket.h>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;

namespace {

// A door with as many places as it is told, on a loop whose time the test owns.
struct Door final : private net::Listener::Handler {
  Door() : fd_(net::listen_on("127.0.0.1:0").value()) {
    REQUIRE(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address_), &length_) == 0);
    net::Listener::Handler& handler = *this;
    listener_.emplace(loop, std::move(fd_), handler, 3U);
  }
  void comes() {
    auto& client = clients_.emplace_back(socket(AF_INET, SOCK_STREAM, 0));
    REQUIRE(connect(client.get(), reinterpret_cast<const sockaddr*>(&address_), length_) == 0);
  }
  // Until nothing happens any more.
  void turn_at(base::SteadyTime now) {
    while (loop.turn_at(now)) {
    }
  }
  void look() { listener_->look(); }

  net::Loop loop;
  const base::SteadyTime begun = loop.now();
  std::size_t places = 0;
  base::SteadyTime too_long_since = base::SteadyTime::min();
  std::size_t waiting = 0;
  std::vector<base::SteadyTime> inside;  // when they came
  std::size_t told_to_go = 0;

 private:
  bool may_accept(std::size_t, base::SteadyTime) override { return inside.size() < places; }
  Patience kept_waiting(std::size_t listener, const net::Arrivals& arrivals) override {
    CHECK(listener == 3);
    waiting = arrivals.count();
    return {.ask_again = loop.now() + 100ms, .too_long_since = too_long_since};
  }
  void nobody_waits(std::size_t) override { waiting = 0; }
  void turned_away(net::UniqueFd, std::size_t) override { ++told_to_go; }
  void accepted(net::UniqueFd fd, const sockaddr_storage&, std::size_t, base::SteadyTime came) override {
    kept_.push_back(std::move(fd));
    inside.push_back(came);
  }
  void accept_paused(int) override {}

  net::UniqueFd fd_;
  sockaddr_storage address_{};
  socklen_t length_ = sizeof address_;
  std::optional<net::Listener> listener_;
  std::vector<net::UniqueFd> clients_, kept_;
};

}  // namespace

TEST_CASE("of who is kept waiting it is known how many they are and when each came") {
  Door door;
  const auto first = door.begun + 1s, second = door.begun + 2s, third = door.begun + 3s;
  for (const auto now : {first, second}) {
    door.comes();
    door.comes();
    door.turn_at(now);
  }
  CHECK(door.waiting == 4);
  door.places = 3;
  door.turn_at(third);
  CHECK(door.inside == std::vector{first, first, second});
  CHECK(door.waiting == 1);
  door.places = 4;
  door.look();
  CHECK(door.inside.back() == second);
  CHECK(door.waiting == 0);
}

TEST_CASE("who did not wait came now") {
  Door door;
  door.places = 1;
  door.comes();
  door.turn_at(door.begun + 1s);
  CHECK(door.inside == std::vector{door.begun + 1s});
}

TEST_CASE("only who has waited too long is told to go") {
  Door door;
  for (const auto after : {1s, 2s, 3s}) {
    door.comes();
    door.turn_at(door.begun + after);
  }
  door.too_long_since = door.begun + 2s;
  door.turn_at(door.begun + 4s);
  CHECK(door.told_to_go == 2);
  door.places = 1;
  door.turn_at(door.begun + 5s);
  CHECK(door.inside == std::vector{door.begun + 3s});
}

TEST_CASE("many who come and wait together cost one memory") {
  net::Arrivals arrivals;
  const auto noon = base::SteadyTime(1h);
  arrivals.seen(2, noon);
  arrivals.seen(5, noon + net::Arrivals::together - 1ms);
  arrivals.seen(6, noon + net::Arrivals::together);
  for (int i = 0; i < 5; ++i) CHECK(arrivals.take() == noon);
  CHECK(arrivals.take() == noon + net::Arrivals::together);
  CHECK_FALSE(arrivals.take().has_value());
}

TEST_CASE("who has left the queue unseen was in front") {
  net::Arrivals arrivals;
  const auto noon = base::SteadyTime(1h);
  arrivals.seen(2, noon);
  arrivals.seen(4, noon + 1s);
  arrivals.seen(1, noon + 2s);
  CHECK(arrivals.first() == noon + 1s);
  CHECK(arrivals.count() == 1);
}

TEST_CASE(
    "what was handed over belongs to all workers, and others are opened beside it only if they would be kept") {
  for (const bool may_add : {false, true}) {
    CAPTURE(may_add);
    auto first = net::listen_on("127.0.0.1:0").value();
    const auto address = net::bound_address(first.get());
    std::vector<net::HandedSocket> handed;
    handed.push_back({.fd = std::move(first), .address = address, .shares_port = true});
    const auto set = net::open_listening_set(address, 3, std::move(handed), may_add);
    REQUIRE(set.has_value());
    CHECK(set->opened.size() == (may_add ? 2 : 0));
    for (const auto& sockets : set->of_worker) {
      REQUIRE(sockets.size() == 1);
      CHECK(net::bound_address(sockets.front().get()) == address);
    }
  }
}

TEST_CASE("a socket that was in the way listens again, unless another has taken its address") {
  // Another program's, which has the port and does not listen yet.
  const net::UniqueFd other(socket(AF_INET, SOCK_STREAM, 0));
  const int on = 1;
  REQUIRE(setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  const auto any = net::parse_endpoint("127.0.0.1:0").value();
  REQUIRE(bind(other.get(), any.data(), any.length) == 0);
  const auto address = net::bound_address(other.get());
  const net::HandedSocket ours{.fd = net::listen_on(address).value(), .address = address};
  net::stop_listening(ours);
  CHECK(net::listen_again(ours).has_value());
  CHECK(net::bound_address(ours.fd.get()) == address);
  net::stop_listening(ours);
  REQUIRE(listen(other.get(), 1) == 0);
  const auto again = net::listen_again(ours);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().message.starts_with(address + ": "));
}
