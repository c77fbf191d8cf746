#pragma once

#include "proxy/serve/worker.h"
#include "tests/loop/raw_socket.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace drawbridge::tests {

// Workers of one process on the test's own thread: their turns, and time, are in its hands. There are no sites:
// each request is answered 404.
class TurnedWorkers {
 public:
  explicit TurnedWorkers(std::size_t count = 1, const serve::Door& door = {.h2c = true});
  ~TurnedWorkers();  // they end, with nothing left
  TurnedWorkers(const TurnedWorkers&) = delete;
  TurnedWorkers& operator=(const TurnedWorkers&) = delete;

  serve::Worker& worker(std::size_t index = 0) { return workers_[index]; }
  serve::Shared& shared() { return *shared_; }
  std::uint16_t port(std::size_t worker = 0) const { return ports_[worker]; }
  RawSocket connect(std::size_t worker = 0) const { return RawSocket::connect(port(worker)); }
  std::uint64_t accepted(std::size_t worker = 0);
  std::size_t events(std::string_view name) const;  // how often it was said

  bool turn(std::size_t worker);  // one, in which time stands still; false if there was nothing to do
  void settle();                  // all that needs no time
  void pass(std::chrono::milliseconds time);

 private:
  base::EventLog events_{false};
  upstream::HealthBoard board_;
  obs::Registry registry_;
  std::unique_ptr<obs::AccessLog> log_;
  std::unique_ptr<serve::Shared> shared_;
  core::Snapshot snapshot_;
  std::deque<serve::Worker> workers_;
  std::deque<std::uint16_t> ports_;
  base::SteadyTime now_;
};

// What has come so far. Its end, if that has come, is then known.
std::string heard(RawSocket& socket);
bool has_ended(RawSocket& socket);  // whatever came before

inline constexpr std::string_view small_request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

}  // namespace drawbridge::tests
