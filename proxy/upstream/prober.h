#pragma once

#include "proxy/base/ids.h"
#include "proxy/base/time.h"
#include "proxy/upstream/health_board.h"
#include "proxy/upstream/probe.h"
#include "proxy/upstream/probe_runner.h"
#include "proxy/upstream/probe_verdict.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

namespace drawbridge::upstream {

// Probes the addresses of servers at their intervals and writes the verdicts on the board. Control thread only.
class Prober {
 public:
  struct Listener {
    std::function<void()> changed;                       // after a verdict that differs from the one before
    std::function<void(const ProbeFinding&)> not_asked;  // a probe could not be made; verdicts stay
  };

  // All outlive the last run of `context`.
  Prober(boost::asio::io_context& context, ProbeRunner& runner, HealthBoard& board, Listener listener);
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Probes these slots of the server from now on. Addresses that stay in their slot keep their verdict.
  void watch(const Target& target, const EndpointSlots& slots);
  void forget(core::ServerId server);
  void stop();

 private:
  struct Place {
    core::ServerId server = 0;
    std::size_t slot = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct Address {
    ProbeTask task;
    HealthPolicy policy;
    base::SteadyTime due;
    std::uint64_t probe = 0;  // number of the one that is under way; 0 = none
    ProbeVerdict verdict;
  };

  void drop(core::ServerId server, std::size_t first_slot);
  void schedule();
  void start(const Place& place, Address& address);
  void ended(const Place& place, std::uint64_t probe, const ProbeFinding& finding);
  base::SteadyTime next_due(base::Millis interval);

  ProbeRunner& runner_;
  HealthBoard& board_;
  Listener listener_;
  boost::asio::steady_timer timer_;
  std::map<Place, Address> addresses_;
  std::uint64_t probes_ = 0;
  base::IdSource random_;
  bool stopped_ = false;
};

// The probe that a target's policy means for one of its addresses.
ProbeTask probe_task(const Target& target, const net::Endpoint& endpoint);

}  // namespace drawbridge::upstream
