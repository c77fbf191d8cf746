#include "proxy/obs/log_writer.h"

#include "proxy/base/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace drawbridge::obs {
namespace {

using base::Millis;
using base::SteadyClock;

constexpr Millis gather_time{100};
constexpr Millis sleep_time{1'000};  // bounds the delay of a missed wake-up, and the pause after a failed write
constexpr Millis finish_time{2'000};
constexpr Millis say_again_time{60'000};

// Signals are the control thread's; SIGPIPE and SIGXFSZ would end the process instead of failing the write.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

LogWriter::LogWriter(Source source, LogSink sink, std::string path, base::EventLog& events)
    : source_(std::move(source)),
      sink_(std::move(sink)),
      path_(std::move(path)),
      events_(events),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  DRAWBRIDGE_CHECK(wake_ >= 0);
  lost_said_ = failure_said_ = SteadyClock::now() - say_again_time;
  thread_ = std::thread([this] { run(); });
}

LogWriter::~LogWriter() {
  stop_.store(true);
  wake();
  thread_.join();
  close(wake_);
}

void LogWriter::reopen() {
  reopen_.store(true);
  wake();
}

LogFacts LogWriter::facts() const {
  const auto last_loss = last_loss_.load();
  return {.file = name(),
          .write_errno = write_errno_.load(),
          .failing_since = failing_since_.load(),
          .lost_lines = lost(),
          .lost_lately = last_loss != base::SteadyTime{} && SteadyClock::now() - last_loss < LogFacts::lately};
}

void LogWriter::wake() {
  eventfd_write(wake_, 1);
}

void LogWriter::run() {
  block_signals();
  while (!stop_.load()) {
    sleep();
    gather();
    const bool drained = drain();
    if (reopen_.exchange(false)) reopen_sink();
    note_lost();
    report_lost();
    if (!drained && failing()) wait_for_wake(sleep_time);
  }
  finish();
}

void LogWriter::sleep() {
  asleep_.store(true);
  const bool empty = std::ranges::all_of(source_.rings, [](const ByteRing* ring) { return ring->waiting() == 0; });
  if (empty && !stop_.load() && !reopen_.load()) wait_for_wake(sleep_time);
  asleep_.store(false);
}

void LogWriter::gather() {
  const bool hurry =
      std::ranges::any_of(source_.rings, [](const ByteRing* ring) { return ring->waiting() >= hurry_bytes; });
  if (!hurry && !stop_.load() && !reopen_.load()) wait_for_wake(gather_time);
}

bool LogWriter::wait_for_wake(Millis longest) {
  pollfd ready{.fd = wake_, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, static_cast<int>(longest.count())) <= 0) return false;
  eventfd_t count = 0;
  eventfd_read(wake_, &count);
  return true;
}

// One round over all rings. False when the sink took less than there was.
bool LogWriter::drain() {
  const auto rings = source_.rings.size();
  for (std::size_t i = 0; i < rings; ++i) {
    const auto at = (first_ring_ + i) % rings;
    if (!drain_ring(*source_.rings[at])) {
      first_ring_ = at;
      return false;
    }
  }
  return true;
}

bool LogWriter::drain_ring(ByteRing& ring) {
  auto rest = ring.readable();
  while (!rest.empty()) {
    const auto written = sink_.write(rest);
    if (!written) failed(written.error());
    if (!written || *written == 0) return false;
    torn_ = rest[*written - 1] != '\n';
    rest.remove_prefix(*written);
    ring.release(*written);
    if (failing()) recovered();
  }
  return true;
}

void LogWriter::finish() {
  const auto deadline = SteadyClock::now() + finish_time;
  while (!drain() && !failing() && SteadyClock::now() < deadline) {
  }
  discard_rest();
  if (lost() != lost_reported_) say_lost();
}

// What no longer finds its way into the file is lost, a line of which the first half did too.
void LogWriter::discard_rest() {
  for (ByteRing* ring : source_.rings) {
    const auto rest = ring->readable();
    discarded_.fetch_add(static_cast<std::uint64_t>(std::ranges::count(rest, '\n')), std::memory_order_relaxed);
    ring->release(rest.size());
  }
}

void LogWriter::reopen_sink() {
  if (path_.empty()) return;
  auto sink = LogSink::open(path_);
  if (!sink) {
    events_.error("access_log_reopen_failed", {{"error", sink.error().message}});
    return;
  }
  // The same file stays as it is open: what looks like half a line of a process before may be ours.
  if (!sink->is_same_file(sink_)) {
    discard_torn_line();
    sink_ = std::move(*sink);
  }
  events_.info("access_log_reopened", {{"file", path_}});
}

// The old file has the first half of a line and takes no more of it; the new one must not begin with the second.
void LogWriter::discard_torn_line() {
  if (!torn_) return;
  auto& ring = *source_.rings[first_ring_];
  const auto end = ring.readable().find('\n');
  ring.release(end == std::string_view::npos ? 0 : end + 1);
  torn_ = false;
  discarded_.fetch_add(1, std::memory_order_relaxed);
}

void LogWriter::failed(const base::Failure& failure) {
  if (!failing()) failing_since_.store(base::now().wall);
  write_errno_.store(failure.os_error);
  const auto now = SteadyClock::now();
  if (now - failure_said_ < say_again_time) return;
  failure_said_ = now;
  events_.error("access_log_write_failed", {{"file", name()}, {"error", std::strerror(failure.os_error)}});
}

void LogWriter::recovered() {
  write_errno_.store(0);
  events_.info("access_log_recovered", {{"lost_lines", fmt::to_string(lost())}});
}

void LogWriter::note_lost() {
  if (lost() == lost_noted_) return;
  lost_noted_ = lost();
  last_loss_.store(SteadyClock::now());
}

void LogWriter::report_lost() {
  if (lost() == lost_reported_ || SteadyClock::now() - lost_said_ < say_again_time) return;
  say_lost();
}

void LogWriter::say_lost() {
  const auto lost = this->lost();
  lost_said_ = SteadyClock::now();
  events_.warning("access_log_lines_lost",
                  {{"lines", fmt::to_string(lost - lost_reported_)}, {"in_total", fmt::to_string(lost)}});
  lost_reported_ = lost;
}

}  // namespace drawbridge::obs
