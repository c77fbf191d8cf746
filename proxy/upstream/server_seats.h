#pragma once

#include "proxy/base/limits.h"
#include "proxy/core/snapshot.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace drawbridge::upstream {

// Requests in flight to each server that has a bound on them, over all workers. Any thread; servers without a bound
// never touch it.
class ServerSeats {
 public:
  // False if `bound` are taken.
  bool take(core::ServerId server, std::uint32_t bound) {
    auto& taken = taken_[server];
    if (taken.fetch_add(1, std::memory_order_relaxed) < bound) return true;
    taken.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void give_back(core::ServerId server) { taken_[server].fetch_sub(1, std::memory_order_relaxed); }
  bool free(core::ServerId server, std::uint32_t bound) const {
    return taken_[server].load(std::memory_order_relaxed) < bound;
  }

 private:
  std::array<std::atomic<std::uint32_t>, base::limits::servers_max> taken_{};
};

}  // namespace drawbridge::upstream
