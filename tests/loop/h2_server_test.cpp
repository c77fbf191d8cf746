// Connections of HTTP/2 to a server of raw frames, with time in our hands.
#include "proxy/base/time.h"
#include "proxy/upstream/servers.h"
#include "tests/h2/bench.h"
#include "tests/h2/frames.h"
#include "tests/loop/raw_socket.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;
using tests::RawServer;
using tests::RawSocket;

namespace {

// The server's side of a connection: hears frames, and says what the test wants it to.
class Link {
 public:
  explicit Link(RawSocket socket) : socket_(std::move(socket)) {}

  void say(const std::string& bytes) { socket_.send(bytes); }
  // What has come since the last call.
  std::vector<h2::Frame> heard() {
    while (!ended_ && !socket_.quiet_for(0)) {
      const auto bytes = socket_.read_some();
      ended_ = bytes.empty();
      unread_ += bytes;
    }
    if (!greeted_ && unread_.starts_with(h2::magic)) {
      unread_.erase(0, h2::magic.size());
      greeted_ = true;
    }
    return greeted_ ? h2::take_frames(unread_) : std::vector<h2::Frame>{};
  }
  std::size_t pings() {
    const auto frames = heard();
    return static_cast<std::size_t>(std::ranges::count(frames, h2::type_ping, &h2::Frame::type));
  }
  bool ended() {
    heard();
    return ended_;
  }

 private:
  RawSocket socket_;
  std::string unread_;
  bool greeted_ = false;
  bool ended_ = false;
};

struct Town;

// A request that gets a seat, and keeps it until it is told to leave.
struct Rider {
  upstream::Tried tried;
  upstream::LeaseWish wish;
  upstream::Lease lease;
  std::optional<base::Failure> failure;
  h2::Guest guest;

  void leave() {
    auto& carrier = *lease.carrier();
    if (!guest.closed) carrier.session().abandon(guest.id, http::H2Code::cancel);
    carrier.changed();
    lease.reset();
  }
};

struct Town {
  Town() {
    pool.protocol = core::UpstreamProtocol::h2c;
    pool.servers.push_back({.id = 0, .address = fmt::format("127.0.0.1:{}", server.port())});
    board.watch(0, {.fall = 0}, base::now().wall);
    servers.set_addresses(0, board.set_addresses(0, {*net::parse_endpoint(pool.servers[0].address)}, {}));
  }
  ~Town() {
    for (auto& rider : riders) {
      rider.tried.give_up();
      if (rider.lease) rider.leave();
    }
    servers.close_idle();
    for (int turns = 0; loop.tasks() > 0 && turns < 100; ++turns) pass(1s);
    CHECK(loop.tasks() == 0);
  }

  void settle() {
    for (int still = 0; still < 3;) still = loop.turn_at(now) ? 0 : still + 1;
  }
  void pass(std::chrono::milliseconds time) {
    now += time;
    settle();
  }
  Rider& ride() {
    auto& rider = riders.emplace_back();
    loop.spawn(board_one(*this, rider));
    settle();
    return rider;
  }
  // Says its SETTINGS.
  Link& accept(const std::string& settings = h2::settings()) {
    auto& link = links.emplace_back(server.accept());
    link.say(settings + h2::settings_ack());
    settle();
    link.heard();
    return link;
  }

  static net::Task<> board_one(Town& town, Rider& rider) {
    const auto got = co_await town.servers.lease(town.pool, rider.tried, rider.wish, rider.lease);
    if (!got) {
      rider.failure = got.error();
      co_return;
    }
    auto& carrier = *rider.lease.carrier();
    rider.guest.id = carrier.session().request({.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, rider.guest).value();
    carrier.changed();
  }

  net::Loop loop;
  net::BufferPool buffers{loop.wheel()};
  upstream::HealthBoard board;
  upstream::ServerSeats seats;
  upstream::ConnectionBudget budget;
  obs::Registry registry{1};
  upstream::Servers servers{loop, buffers, board, seats, budget, registry.worker(0)};
  core::PoolView pool;
  RawServer server;
  base::SteadyTime now = loop.now();
  std::deque<Rider> riders;
  std::deque<Link> links;
};

}  // namespace

TEST_CASE("a server that is silent while an answer is awaited is asked after 30 s, and left 10 s later") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  town.pass(29s);
  CHECK(link.pings() == 0);
  town.pass(2s);
  CHECK(link.pings() == 1);
  town.pass(9s);
  CHECK_FALSE(rider.guest.closed);
  CHECK_FALSE(link.ended());
  town.pass(2s);
  CHECK(rider.guest.closed);
  rider.leave();
  town.settle();
  CHECK(link.ended());
}

TEST_CASE("a server that answers the question stays, and is not asked again within five minutes of silence") {
  Town town;
  auto& rider = town.ride();
  auto& link = town.accept();
  town.pass(31s);
  const auto frames = link.heard();
  REQUIRE(frames.size() == 1);
  link.say(h2::ping(frames[0].payload, h2::ack));
  for (int seconds = 0; seconds < 299; ++seconds) town.pass(1s);
  CHECK(link.pings() == 0);
  CHECK_FALSE(rider.guest.closed);
  for (int seconds = 0; seconds < 4; ++seconds) town.pass(1s);
  CHECK(link.pings() == 1);
}

TEST_CASE("a server that says anything else in time is not asked") {
  Town town;
  town.ride();
  auto& link = town.accept();
  for (int times = 0; times < 4; ++times) {
    town.pass(29s);
    link.say(h2::window_update(0, 1));
    town.settle();
    CAPTURE(times);
    CHECK(link.pings() == 0);
  }
}
