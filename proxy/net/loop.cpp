#include "proxy/net/loop.h"

#include "proxy/net/fine_heap.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <pthread.h>
#include <sys/eventfd.h>
#include <system_error>
#include <utility>

namespace drawbridge::net {
namespace {

constexpr std::size_t events_per_turn_max = 256;
// Between two looks at what a burst has left behind, and while there is more of it.
constexpr std::chrono::milliseconds sleep_max{1'000}, tidy_interval{10};

// Nobody cancels our threads, but glibc prepares for it at each system call that may block, with two locked
// instructions; where a thread counts as cancellable at any point it sees nothing to prepare. 2 % of a small
// request.
void never_cancel_this_thread() {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
}

// A send can be told not to raise SIGPIPE, a splice cannot.
void never_hear_of_broken_pipes() {
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
}

UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return UniqueFd(fd);
}

}  // namespace

Loop::Loop()
    : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      now_(base::SteadyClock::now()),
      wheel_(now_) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

Loop::~Loop() {
  DRAWBRIDGE_CHECK(tasks_ == 0);
}

void Loop::run() {
  never_cancel_this_thread();
  never_hear_of_broken_pipes();
  while (!stopping_.load(std::memory_order_acquire) || tasks_ > 0) turn();
  run_posted();
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_release);
  post([] {});
}

void Loop::post(std::function<void()> work) {
  bool first = false;
  {
    const std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
    posted_waits_.store(true, std::memory_order_relaxed);
  }
  if (!first) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(wake_.get(), &one, sizeof one);  // cannot fail before 2^64 - 1 posts
}

// An exception that is none of the library's ends the process.
void Loop::task_ended(std::exception_ptr exception) noexcept {
  --tasks_;
  try {
    if (exception) std::rethrow_exception(exception);
  } catch (const std::exception&) {
    failed_tasks_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Loop::spawn(Task<> task) {
  if (task.await_ready()) return;
  ++tasks_;
  task.detach(*this).resume();
}

void Loop::spawn_soon(Task<> task) {
  if (task.await_ready()) return;
  ++tasks_;
  ready(task.detach(*this));
}

void Loop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events | EPOLLET, .data = {.ptr = &watcher}};
  const auto added = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  if (added != 0) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void Loop::unwatch(int fd, Watcher& watcher) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  forget(watcher);
}

void Loop::forget(Watcher& watcher) {
  if (!std::exchange(watcher.awaits_word_, false)) return;
  for (auto& event : untold_) {
    if (event.data.ptr == &watcher) event.events = 0;
  }
}

void Loop::turn() {
  std::array<epoll_event, events_per_turn_max> room;
  const auto sleep =
      anybody_ready() ? std::chrono::milliseconds(0) : wheel_.until_next(base::SteadyClock::now(), sleep_most_);
  take_events(room, sleep);
  now_ = base::SteadyClock::now();
  tell_all();
  if (now_ >= tidy_at_) tidy();
}

void Loop::tidy() {
  const bool frames = put_frames_away();
  sleep_most_ = FineHeap::put_away() || frames ? tidy_interval : sleep_max;
  tidy_at_ = now_ + sleep_most_;
}

bool Loop::turn_at(base::SteadyTime now) {
  std::array<epoll_event, events_per_turn_max> room;
  const bool resumes = anybody_ready();
  take_events(room, std::chrono::milliseconds(0));
  const bool busy = resumes || !untold_.empty();
  now_ = now;
  tell_all();
  return busy || anybody_ready();
}

void Loop::take_events(std::span<epoll_event> room, std::chrono::milliseconds sleep) {
  const auto count =
      epoll_wait(epoll_.get(), room.data(), static_cast<int>(room.size()), static_cast<int>(sleep.count()));
  untold_ = room.first(count > 0 ? static_cast<std::size_t>(count) : 0);
  more_untold_ = count < 0 || untold_.size() == room.size();
  ++turns_;
  for (const auto& event : untold_) {
    if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->awaits_word_ = true;
  }
}

// What an event made ready runs before the next event is told: what was read is still in the cache when it is
// written. And what was posted runs between any two events, and any two tasks that were waiting for one: a flip
// does not wait for a long turn to end.
void Loop::tell_all() {
  while (!untold_.empty()) {
    const auto event = untold_.front();
    untold_ = untold_.subspan(1);
    if (event.data.ptr == nullptr) {
      run_posted();
    } else if (event.events != 0) {
      auto& watcher = *static_cast<Watcher*>(event.data.ptr);
      watcher.awaits_word_ = false;
      watcher.on_events(event.events);
    }
    run_ready();
    if (posted_waits_.load(std::memory_order_relaxed)) run_posted();
  }
  run_ready();
  wheel_.advance(now_);
  run_ready();
  resume_all(ready_last_);
}

void Loop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_.get(), &count, sizeof count);  // EAGAIN: nothing was posted
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
    posted_waits_.store(false, std::memory_order_relaxed);
  }
  for (auto& one : work) one();
}

// One pass: what becomes ready meanwhile waits for the next pass, so that no task starves the descriptors.
void Loop::run_ready() {
  resume_all(ready_);
}

void Loop::resume_all(std::vector<std::coroutine_handle<>>& waiters) {
  resuming_.swap(waiters);
  for (const auto waiter : resuming_) {
    waiter.resume();
    if (posted_waits_.load(std::memory_order_relaxed)) run_posted();
  }
  resuming_.clear();
}

}  // namespace drawbridge::net
