#include "proxy/obs/log_sink.h"

#include <climits>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace drawbridge::obs {
namespace {

constexpr int wait_ms = 100;
constexpr std::size_t file_bytes_max = std::size_t{1} << 20;

bool is_regular(int descriptor) {
  struct stat about{};
  return fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
}

// Opened a second time, since who may append may not always read: then nothing is known of the end.
bool ends_in_half_a_line(int descriptor) {
  struct stat about{};
  if (fstat(descriptor, &about) != 0 || about.st_size == 0) return false;
  const int reader = ::open(fmt::format("/proc/self/fd/{}", descriptor).c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return false;
  char last = '\n';
  const bool known = pread(reader, &last, 1, about.st_size - 1) == 1;
  close(reader);
  return known && last != '\n';
}

bool takes_bytes(int descriptor) {
  pollfd ready{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return poll(&ready, 1, wait_ms) > 0;
}

}  // namespace

LogSink::LogSink(int descriptor, bool owned)
    : descriptor_(descriptor), owned_(owned), regular_(is_regular(descriptor)) {}

LogSink::~LogSink() {
  if (owned_) close(descriptor_);
}

LogSink::LogSink(LogSink&& other) noexcept
    : descriptor_(other.descriptor_),
      owned_(std::exchange(other.owned_, false)),
      regular_(other.regular_),
      behind_half_a_line_(other.behind_half_a_line_) {}

LogSink& LogSink::operator=(LogSink&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owned_, other.owned_);
  std::swap(regular_, other.regular_);
  std::swap(behind_half_a_line_, other.behind_half_a_line_);
  return *this;
}

base::Expected<LogSink> LogSink::open(const std::string& path) {
  // O_NONBLOCK matters for a named pipe only: without a reader it is an error at once instead of a wait.
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
  if (descriptor < 0) {
    return std::unexpected(base::Error{fmt::format("cannot open access log {}: {}", path, std::strerror(errno))});
  }
  LogSink sink(descriptor, true);
  sink.behind_half_a_line_ = sink.regular_ && ends_in_half_a_line(descriptor);
  return sink;
}

LogSink LogSink::standard_output() {
  return {STDOUT_FILENO, false};
}

bool LogSink::is_same_file(const LogSink& other) const {
  struct stat mine{}, theirs{};
  return fstat(descriptor_, &mine) == 0 && fstat(other.descriptor_, &theirs) == 0 && mine.st_dev == theirs.st_dev &&
         mine.st_ino == theirs.st_ino;
}

base::Result<std::size_t> LogSink::write(std::string_view bytes) {
  if (behind_half_a_line_) {
    const auto ended = write_some("\n");
    if (!ended || *ended == 0) return ended;
    behind_half_a_line_ = false;
  }
  return write_some(bytes);
}

base::Result<std::size_t> LogSink::write_some(std::string_view bytes) {
  // Standard output may be shared with other programs, so it is not made non-blocking: after POLLOUT a pipe takes
  // PIPE_BUF bytes without a wait.
  if (!regular_ && !takes_bytes(descriptor_)) return 0;
  const auto some = bytes.substr(0, regular_ ? file_bytes_max : std::size_t{PIPE_BUF});
  const auto written = ::write(descriptor_, some.data(), some.size());
  if (written >= 0) return static_cast<std::size_t>(written);
  if (errno == EAGAIN || errno == EINTR) return 0;
  return std::unexpected(base::os_failure(base::Fault::proxy, errno));
}

}  // namespace drawbridge::obs
