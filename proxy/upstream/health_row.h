#pragma once

#include "proxy/upstream/health_board.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace drawbridge::upstream {

// One address of a server on the board. The atomics are everybody's, the rest is the control thread's.
struct AddressRow {
  std::atomic<std::uint32_t> failures{0};     // of requests in a row
  std::atomic<std::int64_t> paused_until{0};  // ticks of the steady clock
  std::atomic<std::uint32_t> pauses{0};       // in a row; each doubles the next
  std::atomic<base::Reason> failed_by{base::Reason::closed};
  std::atomic<std::uint32_t> broken{0};  // requests in a row without a whole answer
  std::atomic<base::Reason> broken_by{base::Reason::closed};
  std::atomic<std::int64_t> broken_at{0};  // ticks of the steady clock

  net::Endpoint endpoint;
  HealthState probed = HealthState::unknown;
  std::string probe_reason;
  std::uint32_t probe_failures = 0;
  HealthState told = HealthState::unknown;  // by the last sweep
  base::WallTime since{};

  bool present() const { return !endpoint.empty(); }
  void clear_failures();
  Broken broken_now() const;
  void begin(const net::Endpoint& address, base::WallTime now);  // a fresh address in this slot; empty: none
};

// One server on the board.
struct HealthBoard::Row {
  std::atomic<EndpointMask> open{0};    // present and not down by probe
  std::atomic<EndpointMask> paused{0};  // out after failures, or on trial since its pause ended
  std::atomic<bool> taken_out{false};   // by the operator
  std::atomic<std::uint32_t> fall{0};
  std::atomic<std::int64_t> pause_max_ms{0};
  std::atomic<std::uint32_t> strays{0};
  std::atomic<std::int64_t> stray_at{0};  // ticks of the steady clock, the last
  std::array<AddressRow, base::limits::endpoints_per_server_max> addresses;

  HealthState told = HealthState::unknown;
  base::WallTime since{};
  std::string lookup_failure;

  Strays strays_at(base::SteadyTime now) const;
  HealthState state_of(std::size_t slot) const;
  std::string reason_of(std::size_t slot) const;
  void refresh_open();
};

}  // namespace drawbridge::upstream
