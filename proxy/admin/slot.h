#pragma once

#include "proxy/base/time.h"
#include "proxy/control/completion.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace drawbridge::admin {

// A value that a callback brings to a waiting coroutine. Owned by the coroutine, weakly held by the callback:
// either may be gone first. The wait also ends by itself each tick, so that the waiter can look whether its client
// lives.
template <class T>
struct Slot {
  static constexpr base::Millis tick{250};

  explicit Slot(const boost::asio::any_io_executor& executor) : timer(executor) {}

  std::optional<T> value;
  boost::asio::steady_timer timer;

  void wake() { timer.cancel(); }
  boost::asio::awaitable<void> pause() {
    timer.expires_after(tick);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
};

template <class T>
std::function<void(T)> fill(const std::shared_ptr<Slot<T>>& slot) {
  return [weak = std::weak_ptr<Slot<T>>(slot)](T value) {
    const auto held = weak.lock();
    if (!held) return;
    held->value = std::move(value);
    held->wake();
  };
}

// Of a command: its progress on the way, and its end.
struct CommandSlot : Slot<control::Done> {
  static constexpr std::size_t progress_max = 16;  // a client that reads slowly misses the older ones

  using Slot::Slot;
  std::deque<control::Progress> progress;
};

inline control::Completion completion_of(const std::shared_ptr<CommandSlot>& slot) {
  const std::weak_ptr<CommandSlot> weak = slot;
  control::Completion completion;
  completion.progress = [weak](const control::Progress& progress) {
    const auto held = weak.lock();
    if (!held) return;
    if (held->progress.size() >= CommandSlot::progress_max) held->progress.pop_front();
    held->progress.push_back(progress);
    held->wake();
  };
  completion.done = [weak](control::Done done) {
    const auto held = weak.lock();
    if (!held) return;
    held->value.emplace(std::move(done));
    held->wake();
  };
  completion.is_there = [weak] { return !weak.expired(); };
  return completion;
}

}  // namespace drawbridge::admin
