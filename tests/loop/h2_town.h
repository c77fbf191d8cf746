#pragma once

#include "proxy/net/signal.h"
#include "proxy/upstream/servers.h"
#include "tests/h2/bench.h"
#include "tests/loop/link.h"
#include "tests/loop/raw_socket.h"

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::tests {

using namespace std::chrono_literals;

struct Town;

// A request that gets a seat, opens its stream, and keeps both until it is told to leave.
struct Rider {
  upstream::Tried tried;
  upstream::LeaseWish wish;
  upstream::Lease lease;
  std::optional<base::Failure> failure;
  h2::Guest guest;

  bool seated() const { return bool(lease); }
  bool open();  // its stream; false: it was not let
  void leave();
};

// Connections of HTTP/2 to one server of raw frames, with time in the test's hands.
struct Town {
  static constexpr std::uint32_t max_concurrent_streams = 3;  // the setting
  static constexpr std::size_t carriers_max = 32;

  Town();
  ~Town();

  void settle();
  void pass(std::chrono::milliseconds time);
  enum class Opens : bool { later, at_once };
  Rider& ride(Opens opens = Opens::at_once);
  Rider& ride_by(const core::PoolView& rules);  // than those of `pool`: of before a reload, or after it
  // One that asks for its seat when `cue` is told.
  Rider& ride_at(net::Signal& cue);
  std::uint64_t dials() { return registry.worker(0).upstream_connects.value(); }
  // The server takes a connection, and says its SETTINGS.
  Link& accept(const std::string& settings = h2::settings());
  // A server that takes one request on each of as many connections as there may be, and has them.
  void fill();
  void set_addresses(const std::vector<std::string>& addresses);  // of the server

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

// The whole answer on a stream.
std::string answer(std::uint32_t stream);

}  // namespace drawbridge::tests
