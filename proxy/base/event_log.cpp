#include "proxy/base/event_log.h"

#include "proxy/base/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace drawbridge::base {
namespace {

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

// Control bytes become \xNN: a path or a reason from outside must not forge a line.
void append_quoted(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::string_view name(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "unknown";
}

std::string format_event(const Event& event) {
  auto line = fmt::format("{} {} {}", format_time(event.at), name(event.severity), event.name);
  for (const auto& [key, value] : event.fields) {
    line += ' ';
    line += key;
    line += '=';
    if (needs_quotes(value)) {
      append_quoted(line, value);
    } else {
      line += value;
    }
  }
  return line;
}

EventLog::EventLog(bool to_stderr) : to_stderr_(to_stderr) {}

void EventLog::write(Severity severity, std::string_view name, Fields fields) {
  const std::lock_guard lock(mutex_);
  Event event{.sequence = ++sequence_,
              .at = now().wall,
              .severity = severity,
              .name = std::string(name),
              .fields = std::move(fields)};
  if (to_stderr_) {
    const auto line = format_event(event) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
  if (listener_) listener_(event);
  kept_.push_back(std::move(event));
  if (kept_.size() > kept_max) kept_.pop_front();
}

std::vector<Event> EventLog::since(std::uint64_t after) const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> events;
  for (const auto& event : kept_) {
    if (event.sequence > after) events.push_back(event);
  }
  return events;
}

void EventLog::listen(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void check_failed(const char* expression, std::source_location where) {
  std::fprintf(stderr, "drawbridge: internal error: %s does not hold at %s:%u\n", expression, where.file_name(),
               static_cast<unsigned>(where.line()));
  std::abort();
}

}  // namespace drawbridge::base
