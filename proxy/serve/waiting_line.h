#pragma once

#include "proxy/base/time.h"

#include <atomic>
#include <compare>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>

namespace drawbridge::serve {

// The line of clients for whom there is no place. They wait in the kernel's queues, one for each listener of each
// worker, and are let in as if it were one: whoever came first, wherever. Any thread; nobody touches its mutex
// while nobody waits.
class WaitingLine {
 public:
  // How long one may wait while the line moves, and while nobody of all of them is let in.
  static constexpr std::chrono::milliseconds wait_max{10'000};
  static constexpr std::chrono::milliseconds standstill_max{2'000};

  // One queue.
  struct Queue {
    std::size_t worker = 0;
    std::size_t listener = 0;
    auto operator<=>(const Queue&) const = default;
  };
  struct Waiting {
    base::SteadyTime first_came{};
    std::size_t count = 0;
    std::function<void()> call;  // it is its turn, and there may be a place. Only posts; any thread
  };

  bool empty() const { return queues_waiting_.load() == 0; }
  std::size_t count();  // of clients

  void stand(Queue queue, Waiting waiting);  // anew each time its first is another
  void leave(Queue queue);
  // No queue but this one has somebody who came before `first_came`.
  bool is_next(Queue queue, base::SteadyTime first_came);
  // A place is free: calls the queue that is next, once until it asks.
  void place_free();
  void let_in(base::SteadyTime now);
  // Who came then or before has waited too long.
  base::SteadyTime too_long_since(base::SteadyTime now);

 private:
  struct Entry {
    Waiting waiting;
    bool called = false;
  };

  std::atomic<std::size_t> queues_waiting_{0};
  std::mutex mutex_;
  std::map<Queue, Entry> queues_;
  base::SteadyTime moved_{};  // when somebody was let in while others waited
};

}  // namespace drawbridge::serve
