#pragma once

#include "proxy/base/event_log.h"
#include "proxy/base/time.h"
#include "proxy/obs/byte_ring.h"
#include "proxy/obs/log_facts.h"
#include "proxy/obs/log_sink.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace drawbridge::obs {

// The thread that moves bytes from the rings to the sink. It sleeps while they are empty; woken by the first line
// it gathers for a tenth of a second, or until a ring holds `hurry_bytes`, so that a write is worth its system
// call.
class LogWriter {
 public:
  struct Source {
    std::vector<ByteRing*> rings;         // outlive the writer
    std::function<std::uint64_t()> lost;  // lines the workers could not put into them
  };

  static constexpr std::size_t hurry_bytes = 64 * 1024;

  // `path`: opened again by reopen(); empty for standard output.
  LogWriter(Source source, LogSink sink, std::string path, base::EventLog& events);
  // Writes what is left, for at most two seconds; what remains then is discarded, and the last
  // access_log_lines_lost says all that was lost.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // After each commit to a ring that held `before` bytes. Any thread; a system call only when it matters. The check
  // costs no fence, so a wake-up may be missed: then the line is written within a second.
  void committed(std::size_t before, std::size_t after) {
    const bool hurry = before < hurry_bytes && after >= hurry_bytes;
    if (hurry || (asleep_.load(std::memory_order_relaxed) && asleep_.exchange(false))) wake();
  }
  void reopen();
  std::uint64_t discarded_lines() const { return discarded_.load(std::memory_order_relaxed); }
  LogFacts facts() const;  // any thread; what was lost shows a second late at most

 private:
  void run();
  void sleep();
  void gather();
  bool wait_for_wake(base::Millis longest);
  void wake();

  bool drain();
  bool drain_ring(ByteRing& ring);
  void finish();
  void discard_rest();
  void reopen_sink();
  void discard_torn_line();

  std::string name() const { return path_.empty() ? "stdout" : path_; }
  bool failing() const { return write_errno_.load() != 0; }
  void failed(const base::Failure& failure);
  void recovered();
  std::uint64_t lost() const { return source_.lost() + discarded_lines(); }
  void note_lost();
  void report_lost();
  void say_lost();

  Source source_;
  LogSink sink_;
  std::string path_;
  base::EventLog& events_;
  int wake_;  // eventfd
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stop_{false};
  std::atomic<bool> reopen_{false};
  std::atomic<std::uint64_t> discarded_{0};
  std::atomic<int> write_errno_{0};  // of the last write, if it failed
  std::atomic<base::WallTime> failing_since_{};
  std::atomic<base::SteadyTime> last_loss_{};

  // Of the writer thread.
  std::size_t first_ring_ = 0;  // where to go on: a ring whose last line is partly written comes first
  bool torn_ = false;
  base::SteadyTime failure_said_{};
  base::SteadyTime lost_said_{};
  std::uint64_t lost_noted_ = 0;
  std::uint64_t lost_reported_ = 0;

  std::thread thread_;  // last: everything above is there when it starts
};

}  // namespace drawbridge::obs
