#pragma once

#include "proxy/base/check.h"
#include "proxy/net/task.h"

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace drawbridge::net {

// A task that runs beside its parent: starts at construction, is joined once. The parent must join (after
// cancelling what the child waits for, if need be) before the Fork dies; that is checked.
template <class T>
class Fork {
 public:
  explicit Fork(Task<T> task) : runner_(run(std::move(task))) { runner_.frame.resume(); }
  ~Fork() {
    DRAWBRIDGE_CHECK(done_);
    runner_.frame.destroy();
  }
  Fork(const Fork&) = delete;
  Fork& operator=(const Fork&) = delete;

  bool done() const { return done_; }

  // Waits for the child's end; its result. Once.
  auto join() {
    struct Join {
      Fork& fork;
      bool await_ready() const noexcept { return fork.done_; }
      void await_suspend(std::coroutine_handle<> awaiter) noexcept { fork.awaiter_ = awaiter; }
      T await_resume() {
        if (fork.exception_) std::rethrow_exception(fork.exception_);
        return std::move(*fork.value_);
      }
    };
    return Join{*this};
  }

 private:
  struct Runner {
    struct promise_type {
      static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
      static void operator delete(void* frame, std::size_t bytes) { free_frame(frame, bytes); }
      Runner get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { std::terminate(); }  // run() catches all
    };
    std::coroutine_handle<promise_type> frame;
  };

  struct ResumeParent {
    Fork& fork;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept {
      fork.done_ = true;
      return fork.awaiter_;
    }
    void await_resume() const noexcept {}
  };

  Runner run(Task<T> task) {
    try {
      value_.emplace(co_await std::move(task));
    } catch (...) {
      exception_ = std::current_exception();
    }
    co_await ResumeParent{*this};
  }

  std::optional<T> value_;
  std::exception_ptr exception_;
  std::coroutine_handle<> awaiter_ = std::noop_coroutine();
  bool done_ = false;
  Runner runner_;
};

}  // namespace drawbridge::net
