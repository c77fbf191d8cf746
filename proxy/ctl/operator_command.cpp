#include "proxy/ctl/operator_command.h"

#include "proxy/ctl/keeper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace drawbridge::ctl {
namespace {

constexpr std::size_t output_bytes_max = base::limits::command_output_bytes_max;
constexpr base::Millis look_interval{100};    // at a line that has said something else than that it is over
constexpr base::Millis keeper_margin{2'000};  // for the keeper's own end

// What a child prints, on its way to where it would have gone.
class Passage {
 public:
  explicit Passage(int to) : to_(to) {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
    if (ends_[0] >= 0) ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Passage() {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  int reader() const { return ends_[0]; }
  // In the child.
  void become(int descriptor) const {
    if (ends_[1] >= 0) ::dup2(ends_[1], descriptor);
  }
  void close_writer() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  // Passes on what is there. A process that went to the background may keep the other end for ever.
  void pass(std::string& tail) {
    std::array<char, 4'096> bytes{};
    for (;;) {
      const auto count = ::read(ends_[0], bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count == 0) ::close(std::exchange(ends_[0], -1));
      if (count <= 0) return;
      const auto read = static_cast<std::size_t>(count);
      write_all(bytes.data(), read);
      tail.append(bytes.data(), read);
      if (tail.size() > output_bytes_max) tail.erase(0, tail.size() - output_bytes_max);
    }
  }

 private:
  void write_all(const char* bytes, std::size_t count) const {
    while (count > 0) {
      const auto written = ::write(to_, bytes, count);
      if (written < 0 && errno != EINTR) return;
      if (written < 0) continue;
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
  }

  int to_;
  std::array<int, 2> ends_{-1, -1};
};

// What the daemon has said.
enum class Line : std::uint8_t { waits, gives_up, ended };

class Run {
 public:
  explicit Run(const OperatorCommand& command)
      : command_(command), out_(command.quiet_output ? STDERR_FILENO : STDOUT_FILENO), error_(STDERR_FILENO) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  CommandEnd run();

 private:
  enum class Wake : std::uint8_t { ended, time_over, given_up, line_ended };

  void become() const;
  Wake await_end(base::Millis limit, bool listens);
  void hear();

  const OperatorCommand& command_;
  Passage out_, error_;
  Keeper* keeper_ = nullptr;  // while run() runs
  CommandEnd end_;
};

void Run::become() const {
  out_.become(STDOUT_FILENO);
  error_.become(STDERR_FILENO);
  for (const auto& [name, value] : command_.environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::execl("/bin/sh", "sh", "-c", command_.text.c_str(), static_cast<char*>(nullptr));
}

// What is left of an earlier line on the way says nothing of the command's end: who takes it for that kills a
// command that is waited for.
Line judge(std::string_view said) {
  if (said.contains("{\"receipt\":") || said.contains("{\"error\":")) return Line::ended;
  return said.contains("{\"progress\":{\"stage\":\"stop\"") ? Line::gives_up : Line::waits;
}

Line look_at(int line) {
  std::array<char, 4'096> bytes{};
  const auto count = ::recv(line, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (count < 0) return errno != EAGAIN && errno != EINTR ? Line::ended : Line::waits;
  const std::string_view said(bytes.data(), static_cast<std::size_t>(count));
  return said.empty() ? Line::ended : judge(said);
}

Run::Wake Run::await_end(base::Millis limit, bool listens) {
  const auto end = base::SteadyClock::now() + limit;
  auto next_look = base::SteadyClock::now();
  while (true) {
    const auto now = base::SteadyClock::now();
    const auto left = std::chrono::ceil<base::Millis>(end - now).count();
    const bool looks = listens && now >= next_look;
    std::array<pollfd, 5> waited{};
    waited[0] = {.fd = keeper_->descriptor(), .events = POLLIN, .revents = 0};
    waited[1] = {.fd = out_.reader(), .events = POLLIN, .revents = 0};
    waited[2] = {.fd = error_.reader(), .events = POLLIN, .revents = 0};
    waited[3] = {.fd = looks ? command_.line : -1, .events = POLLIN, .revents = 0};
    waited[4] = {.fd = keeper_->words(), .events = POLLIN, .revents = 0};
    const std::int64_t longest = listens && !looks ? look_interval.count() : std::numeric_limits<int>::max();
    const int wait_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
    const int ready = ::poll(waited.data(), waited.size(), wait_ms);
    if (ready < 0 && errno != EINTR) return Wake::ended;  // exit_code() waits then
    if (ready < 0) continue;
    if (waited[1].revents != 0) out_.pass(end_.output);
    if (waited[2].revents != 0) error_.pass(end_.output);
    if (waited[4].revents != 0) hear();
    if (waited[0].revents != 0) return Wake::ended;
    const auto said = waited[3].revents != 0 ? look_at(command_.line) : Line::waits;
    if (said != Line::waits) return said == Line::ended ? Wake::line_ended : Wake::given_up;
    if (waited[3].revents != 0) next_look = now + look_interval;
    if (left <= 0) return Wake::time_over;
  }
}

void Run::hear() {
  for (auto& word : keeper_->hear()) {
    if (word.killed) {
      end_.survivors = std::move(word.names);
    } else if (command_.goes_on) {
      command_.goes_on(word.names, end_.was_told);
    }
  }
}

CommandEnd Run::run() {
  Keeper keeper({.command = [this] { become(); }, .limit = command_.limit, .last_word = command_.last_word});
  keeper_ = &keeper;
  out_.close_writer();
  error_.close_writer();
  const auto wake = keeper.descriptor() >= 0 ? await_end(command_.limit, true) : Wake::ended;
  if (wake != Wake::ended) {
    const auto told = base::SteadyClock::now();
    end_.was_told = true;
    end_.line_ended = wake == Wake::line_ended;
    keeper.end_command();
    if (command_.told_to_end) command_.told_to_end(end_.line_ended);
    await_end(Keeper::last_wait + keeper_margin, false);
    end_.ran_on = std::chrono::duration_cast<base::Millis>(base::SteadyClock::now() - told);
  }
  end_.exit_code = keeper.exit_code();
  hear();
  out_.pass(end_.output);
  error_.pass(end_.output);
  return end_;
}

}  // namespace

bool is_over(std::string_view said) {
  return judge(said) != Line::waits;
}

bool is_over(int line) {
  return look_at(line) != Line::waits;
}

CommandEnd run_operator_command(const OperatorCommand& command) {
  return Run(command).run();
}

}  // namespace drawbridge::ctl
