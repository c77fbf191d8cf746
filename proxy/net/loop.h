#pragma once

#include "proxy/base/time.h"
#include "proxy/net/task.h"
#include "proxy/net/unique_fd.h"
#include "proxy/net/wheel.h"

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <sys/epoll.h>
#include <vector>

namespace drawbridge::net {

// Something the loop tells about a descriptor's events (epoll, edge-triggered); of one descriptor at a time.
class Watcher {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;

 private:
  friend class Loop;
  bool awaits_word_ = false;  // an event of this turn is still to be told
};

// One thread's event loop: epoll, the deadline wheel, resumed coroutines and posted work. An engine of our own and
// not Asio's: measured on small GETs through a prototype, Asio's epoll and awaitables reach 1.27 of HAProxy's
// requests per CPU second where raw epoll reaches 1.39 (16 KiB bodies: 1.60 against 2.01), and TLS will be driven
// on the descriptor. All but post() and stop() belong to the thread that calls run().
class Loop final : private TaskStarter {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Turns until stop() was called and no task and no guest is left.
  void run();

  // One turn of run() without sleep, as if it were `now` (not before the last turn's): for tests that own the time.
  // False if no descriptor, post or task had anything to do; deadlines that came do not count.
  bool turn_at(base::SteadyTime now);

  // Any thread. Ends run() once every spawned task has ended.
  void stop();

  // Any thread. Runs `work` on the loop's thread, in the order of posting.
  void post(std::function<void()> work);

  // For the one thread that knows run() to have returned: does what was posted since.
  void run_posted();

  // Starts `task` as a task of its own, now; it runs to its first wait before spawn returns. An exception ends the
  // task and is counted.
  void spawn(Task<> task);
  // The same, but it begins later in this turn.
  void spawn_soon(Task<> task);

  // What may still spawn tasks although it is none: run() does not end before it.
  class Guest {
   public:
    explicit Guest(Loop& loop) : loop_(loop) { ++loop_.tasks_; }
    ~Guest() { --loop_.tasks_; }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

   private:
    Loop& loop_;
  };

  // Tasks and guests.
  std::size_t tasks() const { return tasks_; }
  std::uint64_t failed_tasks() const { return failed_tasks_.load(std::memory_order_relaxed); }

  std::uint64_t turns() const { return turns_; }
  // All that had happened on the watcher's descriptor when this turn began has been told.
  bool has_told_all(const Watcher& watcher) const { return !more_untold_ && !watcher.awaits_word_; }

  // The time this turn began.
  base::SteadyTime now() const { return now_; }
  Wheel& wheel() { return wheel_; }

  void watch(int fd, std::uint32_t events, Watcher& watcher);  // adds EPOLLET
  void unwatch(int fd, Watcher& watcher);  // `watcher` hears nothing more, also not of this turn
  void forget(Watcher& watcher);  // likewise, where the descriptor is closed at once: the kernel does the rest

  // Resumes `waiter` later in this turn.
  void ready(std::coroutine_handle<> waiter) { ready_.push_back(waiter); }
  // Resumes `waiter` when all that this turn has for others was done: who writes what many have said.
  void ready_last(std::coroutine_handle<> waiter) { ready_last_.push_back(waiter); }

  // Goes on after others that are ready had their turn.
  struct Pause {
    Loop& loop;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) const { loop.ready(waiter); }
    void await_resume() const noexcept {}
  };
  Pause let_others() { return {*this}; }

  // Largest number of bytes of one read or write; tests set 1 to pass every state of every parser.
  std::size_t io_bytes_max() const { return io_bytes_max_; }
  void limit_io(std::size_t bytes) { io_bytes_max_ = bytes; }

 private:
  void task_ended(std::exception_ptr exception) noexcept override;
  void turn();
  void tidy();
  void take_events(std::span<epoll_event> room, std::chrono::milliseconds sleep);
  void tell_all();
  void run_ready();
  void resume_all(std::vector<std::coroutine_handle<>>& waiters);
  bool anybody_ready() const { return !ready_.empty() || !ready_last_.empty(); }

  UniqueFd epoll_;
  UniqueFd wake_;
  base::SteadyTime now_;
  Wheel wheel_;
  std::vector<std::coroutine_handle<>> ready_, ready_last_, resuming_;
  base::SteadyTime tidy_at_;
  std::chrono::milliseconds sleep_most_{0};
  std::span<epoll_event> untold_;  // events of this turn still to be told
  bool more_untold_ = false;       // and more in the kernel
  std::uint64_t turns_ = 0;
  std::size_t tasks_ = 0;
  std::atomic<std::uint64_t> failed_tasks_{0};
  std::size_t io_bytes_max_ = static_cast<std::size_t>(-1);
  std::atomic<bool> stopping_{false};
  std::mutex posted_mutex_;
  std::atomic<bool> posted_waits_{false};
  std::vector<std::function<void()>> posted_;
};

}  // namespace drawbridge::net
