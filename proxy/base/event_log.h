#pragma once

#include "proxy/base/time.h"

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::base {

enum class Severity : std::uint8_t { info, warning, error };

std::string_view name(Severity severity);

// One thing that happened and that an operator may want to know: a constant name, then key=value.
struct Event {
  std::uint64_t sequence = 0;  // grows by one; set by the log
  WallTime at;
  Severity severity = Severity::info;
  std::string name;                                         // constant, snake_case: "mode_changed"
  std::vector<std::pair<std::string, std::string>> fields;  // in the order given
};

// "2026-03-01T08:00:00Z info mode_changed site=shop mode=readonly reason=\"schema patch\""; one line, no line end.
std::string format_event(const Event& event);

// The event log of the process: lines to stderr (or nowhere), the last `kept_max` in memory for `proxyctl events`.
// Any thread may write; it takes a mutex, so workers write only rare things (never once a request).
class EventLog {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  using Listener = std::function<void(const Event&)>;

  explicit EventLog(bool to_stderr);

  void write(Severity severity, std::string_view name, Fields fields = {});
  void info(std::string_view name, Fields fields = {}) { write(Severity::info, name, std::move(fields)); }
  void warning(std::string_view name, Fields fields = {}) { write(Severity::warning, name, std::move(fields)); }
  void error(std::string_view name, Fields fields = {}) { write(Severity::error, name, std::move(fields)); }

  // Events with a sequence above `after`, oldest first, at most kept_max.
  std::vector<Event> since(std::uint64_t after) const;

  // Called for each event on the thread that wrote it, under the log's mutex: post and return. One listener.
  void listen(Listener listener);

  static constexpr std::size_t kept_max = 1'000;

 private:
  mutable std::mutex mutex_;
  bool to_stderr_;
  std::uint64_t sequence_ = 0;
  std::deque<Event> kept_;
  Listener listener_;
};

}  // namespace drawbridge::base
