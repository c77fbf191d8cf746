#pragma once

#include "proxy/core/snapshot.h"
#include "proxy/serve/worker.h"
#include "tests/loop/raw_socket.h"
#include "tests/loop/visitor.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace drawbridge::tests {

// What servers answer.
inline const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One worker on a thread of its own, between a client and servers that the test plays by hand: one site, one pool,
// one door for HTTP/1.1 and HTTP/2, with TLS if this run's transport has it.
class WorkerBench {
 public:
  explicit WorkerBench(std::size_t servers = 1);
  ~WorkerBench();  // ends what is left

  // Before start():
  core::ClientBounds& bounds() { return snapshot_->bounds; }
  core::UpstreamTiming& timing() { return snapshot_->pools.front()->timing; }
  core::PoolView& pool() { return *snapshot_->pools.front(); }
  core::SiteView& site() { return *snapshot_->sites.front(); }
  void hold(core::HoldScope scope);  // the site's mode
  void maintain();                   // likewise; `site().notice` may answer
  void limit_io(std::size_t bytes) { shared_->io_bytes_max = bytes; }
  void limit_greeting(std::chrono::milliseconds time) { shared_->greeting_time = time; }
  serve::Door& door() { return door_; }
  serve::Census& census() { return shared_->census; }
  upstream::ConnectionBudget& upstream_connections() { return shared_->upstream_connections; }

  void start();
  // As start() does, unless told otherwise: where the servers are, which a worker is told by message.
  void tell_addresses();
  void withhold_addresses() { withheld_ = true; }
  // The next snapshot is there, live again, and no worker has been told yet.
  void publish_live();
  // Live for a moment, which the worker hears of, and held again before anybody who waits has gone on.
  void blink();
  std::unique_ptr<Visitor> visitor() const { return Visitor::connect(port_); }
  std::unique_ptr<Visitor> arrival() const { return Visitor::arrive(port_); }  // nobody has let it in yet
  // For what only one protocol has: its bytes, with TLS below them if this run's transport has it.
  RawSocket client() const;
  // Below all that is spoken.
  RawSocket newcomer() const { return RawSocket::connect(port_); }
  RawServer& server(std::size_t place = 0) { return *servers_[place]; }
  // The connection that brings a server the next request, whose head is read.
  RawSocket take_request();
  // A whole exchange; the server's connection stays open.
  RawSocket serve_one(Visitor& visitor);

  void wait_for_connections(std::uint64_t open);            // of clients, introduced or not
  void begin_shutdown(const serve::Parting& parting = {});  // returns when the worker has begun
  void end_old();                                           // as if all of it were
  void end_all();
  void join();  // the worker has ended by itself

  // Runs `ask` on the worker's thread.
  template <class T>
  T ask(std::function<T(serve::Worker&)> ask) {
    std::promise<T> answer;
    worker_->post([&] { answer.set_value(ask(*worker_)); });
    return answer.get_future().get();
  }
  core::ClassCounts in_flight();
  std::uint64_t writes_sent() const { return registry_.writes_of(0); }
  void wait_for_parked(std::uint64_t count);

 private:
  void be(core::ModeState mode);

  std::vector<std::unique_ptr<RawServer>> servers_;
  base::EventLog events_{false};
  upstream::HealthBoard board_;
  obs::Registry registry_{1};
  std::unique_ptr<obs::AccessLog> log_;
  std::optional<serve::Shared> shared_;
  std::unique_ptr<core::Snapshot> snapshot_, next_;
  std::unique_ptr<serve::Worker> worker_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  serve::Door door_;
  bool withheld_ = false;
};

}  // namespace drawbridge::tests
