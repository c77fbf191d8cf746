#pragma once

#include <atomic>
#include <cstdint>

namespace drawbridge::upstream {

// Connections to servers that all workers together may have, being made, in use or kept. Any thread.
class ConnectionBudget {
 public:
  void set_limit(std::uint64_t connections) { limit_.store(connections, std::memory_order_relaxed); }

  // False if all are taken.
  bool take() {
    if (open_.fetch_add(1, std::memory_order_relaxed) < limit_.load(std::memory_order_relaxed)) return true;
    give_back();
    return false;
  }
  void give_back(std::uint64_t count = 1) { open_.fetch_sub(count, std::memory_order_relaxed); }

  // Three quarters are taken: nobody keeps one that it does not use.
  bool scarce() const {
    const auto limit = limit_.load(std::memory_order_relaxed);
    return open() >= limit - limit / 4;
  }
  std::uint64_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> limit_{UINT64_MAX};
};

}  // namespace drawbridge::upstream
