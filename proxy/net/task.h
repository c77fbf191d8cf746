#pragma once

#include "proxy/base/check.h"

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace drawbridge::net {

// Memory of coroutine frames: slabs of the calling thread, so that a steady stream of requests allocates
// nothing. A frame must be freed on the thread that made it, which holds since no task changes its loop.
void* allocate_frame(std::size_t bytes);
void free_frame(void* frame, std::size_t bytes) noexcept;
// To be called now and then: what the thread has not used since may go back to the kernel. True: better soon again.
bool put_frames_away();

template <class T>
class Task;

// Who starts tasks that nobody awaits.
class TaskStarter {
 public:
  // One of them has ended, and its frame is gone.
  virtual void task_ended(std::exception_ptr exception) noexcept = 0;

 protected:
  ~TaskStarter() = default;
};

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;  // bad_alloc and programmer errors only; rethrown to whoever awaits

  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { free_frame(frame, bytes); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      if constexpr (requires { self.promise().starter; }) {
        if (auto* const starter = self.promise().starter; starter != nullptr) return end(self, *starter);
      }
      return self.promise().continuation;
    }
    template <class Promise>
    static std::coroutine_handle<> end(std::coroutine_handle<Promise> self, TaskStarter& starter) noexcept {
      auto exception = std::move(self.promise().exception);
      self.destroy();
      starter.task_ended(std::move(exception));
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;

  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  TaskStarter* starter = nullptr;  // then nobody awaits it

  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace detail

// A lazy coroutine with one awaiter: runs when awaited, resumes the awaiter when done (symmetric transfer, so depth
// costs no stack). Owns its frame. Belongs to the thread of the loop it was started on. Or a result that is there
// already: what seldom waits is a plain function, which returns a coroutine only where it must (a frame costs some
// 20 ns, and there were 24 a request).
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  template <class U>
    requires(!std::is_void_v<T> && std::convertible_to<U, T>)
  Task(U&& result) : result_(std::forward<U>(result)) {}
  static Task done()
    requires(std::is_void_v<T>)
  {
    return Task(nullptr);
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }
  // Nobody will await it, and it is not done() already: to be resumed once; it frees itself at its end.
  std::coroutine_handle<> detach(TaskStarter& starter)
    requires(std::is_void_v<T>)
  {
    frame_.promise().starter = &starter;
    return std::exchange(frame_, nullptr);
  }
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)), result_(std::move(other.result_)) {}
  Task& operator=(Task&&) = delete;

  bool await_ready() const noexcept { return !frame_; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    frame_.promise().continuation = awaiter;
    return frame_;
  }
  T await_resume() {
    if (frame_) return frame_.promise().take();
    if constexpr (!std::is_void_v<T>) return std::move(*result_);
  }

 private:
  std::coroutine_handle<promise_type> frame_;
  std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> result_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace drawbridge::net
