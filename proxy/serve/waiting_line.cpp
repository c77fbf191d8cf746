#include "proxy/serve/waiting_line.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace drawbridge::serve {

std::size_t WaitingLine::count() {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (const auto& [queue, entry] : queues_) total += entry.waiting.count;
  return total;
}

void WaitingLine::stand(Queue queue, Waiting waiting) {
  const std::lock_guard lock(mutex_);
  queues_[queue] = {.waiting = std::move(waiting)};
  queues_waiting_.store(queues_.size());
}

void WaitingLine::leave(Queue queue) {
  const std::lock_guard lock(mutex_);
  queues_.erase(queue);
  queues_waiting_.store(queues_.size());
}

bool WaitingLine::is_next(Queue queue, base::SteadyTime first_came) {
  const std::lock_guard lock(mutex_);
  const auto own = queues_.find(queue);
  if (own != queues_.end()) own->second.called = false;
  return std::none_of(queues_.begin(), queues_.end(), [&](const auto& other) {
    return other.first != queue &&
           std::tie(other.second.waiting.first_came, other.first) < std::tie(first_came, queue);
  });
}

// Called under the mutex: a queue that leaves with its worker is not called after that.
void WaitingLine::place_free() {
  if (empty()) return;
  const std::lock_guard lock(mutex_);
  const auto next = std::min_element(queues_.begin(), queues_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.waiting.first_came, a.first) < std::tie(b.second.waiting.first_came, b.first);
  });
  if (next != queues_.end() && !std::exchange(next->second.called, true)) next->second.waiting.call();
}

void WaitingLine::let_in(base::SteadyTime now) {
  const std::lock_guard lock(mutex_);
  moved_ = std::max(moved_, now);
}

base::SteadyTime WaitingLine::too_long_since(base::SteadyTime now) {
  const std::lock_guard lock(mutex_);
  return now - (now - moved_ >= standstill_max ? standstill_max : wait_max);
}

}  // namespace drawbridge::serve
