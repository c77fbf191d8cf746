#pragma once

#include "proxy/base/event_log.h"
#include "proxy/base/failure.h"
#include "proxy/obs/byte_ring.h"
#include "proxy/obs/log_facts.h"
#include "proxy/obs/log_line.h"
#include "proxy/obs/record.h"
#include "proxy/obs/tally.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace drawbridge::obs {

class LogWriter;

enum class AccessLogSink : std::uint8_t { off, standard_output, file };

struct AccessLogOptions {
  AccessLogSink sink = AccessLogSink::off;
  std::string path = {};  // of a file; created with mode 0640, appended to
  AccessLogFormat format = AccessLogFormat::json;
  std::size_t lane_bytes = std::size_t{1} << 20;  // ring of one worker: ByteRing::make
};

// The access log of the process: one line a request, written by one thread of its own out of one ring a worker.
// A worker never waits for the disk: a line that finds its ring full is lost and counted. What the disk refuses
// stays in the rings and is tried again; lines are never torn. Trouble is said in the event log, once a minute and
// at the end: access_log_write_failed, access_log_lines_lost; then access_log_recovered.
class AccessLog {
 public:
  // The writing end of one worker; only its thread may use it. Lives as long as the log.
  class Lane {
   public:
    void write(const Record& record);  // neither allocates nor blocks

   private:
    friend class AccessLog;
    Lane(const AccessLog& log, std::unique_ptr<ByteRing> ring, AccessLogFormat format);

    const AccessLog& log_;
    std::unique_ptr<ByteRing> ring_;  // null when the log is off
    LineWriter line_;
    Tally lost_;
  };

  // Opens the sink and starts the writer thread (none when off). `events` outlives the log.
  static base::Expected<std::unique_ptr<AccessLog>> open(const AccessLogOptions& options, std::size_t workers,
                                                         base::EventLog& events);
  // Writes out what the lanes hold, for at most two seconds. No lane may be in use any more.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  Lane& lane(std::size_t worker) { return *lanes_[worker]; }

  // Opens the file again by its name (SIGUSR1 after a rotation), soon, on the writer thread: event
  // access_log_reopened or access_log_reopen_failed (then the old file stays in use). Any thread, not a signal
  // handler.
  void reopen();
  std::uint64_t lost_lines() const;  // since the start; any thread
  LogFacts facts() const;            // any thread

 private:
  AccessLog() = default;
  base::Expected<void> add_lanes(const AccessLogOptions& options, std::size_t workers);
  std::uint64_t lost_in_lanes() const;

  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<LogWriter> writer_;  // null when the log is off; ends before the lanes
};

}  // namespace drawbridge::obs
