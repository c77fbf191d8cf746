#pragma once

#include "bench/load/client/answer.h"
#include "bench/load/client/latencies.h"
#include "bench/load/client/options.h"
#include "bench/load/client/wire.h"
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace drawbridge::bench {

// Asks and is answered until the time is over, on one thread. What it counted is printed as one line of JSON.
class Load {
 public:
  explicit Load(Options options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run();
  void wait_idle();  // one request a connection, then a word on standard output and silence
  void print() const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase : std::uint8_t { closed, establishing, idle, sending, receiving, ending };

  struct Connection {
    explicit Connection(ssl_ctx_st* context) : wire(context) {}
    Wire wire;
    Phase phase = Phase::closed;
    bool asks = false;  // a request is to be sent as soon as it can be
    Clock::time_point since;
    std::size_t host = 0;
    std::size_t sent = 0;
    Answer answer;
  };

  void open(Connection& connection);
  void reopen(Connection& connection);
  void progress(Connection& connection);
  bool establish(Connection& connection);
  bool send(Connection& connection);
  bool receive(Connection& connection);
  void answered(Connection& connection);
  void broken(Connection& connection);
  void ask(Connection& connection, Clock::time_point since);
  void ask_what_is_due();
  void establish_all();
  void turn(int sleep_ms);
  bool all_quiet() const;

  Options options_;
  ssl_ctx_st* tls_ = nullptr;
  int poller_ = -1;
  std::vector<std::string> requests_;  // by host
  std::vector<Latencies> latencies_;   // by host
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> free_;  // at a given rate: those without a request, in turn
  std::vector<char> room_;
  std::deque<Clock::time_point> due_;
  Clock::time_point start_, counted_from_, end_, next_due_;
  std::size_t next_host_ = 0;
  bool over_ = false;
  std::uint64_t answers_ = 0, others_ = 0, failed_ = 0, in_flight_ = 0, unsent_ = 0, body_bytes_ = 0;
  std::uint64_t late_ = 0;  // requests that this program looked at too late
  double seconds_ = 0;
};

}  // namespace drawbridge::bench
