#include "proxy/ctl/operator_command.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace drawbridge::ctl {
namespace {

constexpr int not_started = 127;
constexpr int last_wait_ms = 5'000;  // from the polite end to the other one

[[noreturn]] void become(const OperatorCommand& command, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(not_started);
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGHUP, SIG_DFL);
  if (command.quiet_output) ::dup2(STDERR_FILENO, STDOUT_FILENO);
  for (const auto& [name, value] : command.environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::execl("/bin/sh", "sh", "-c", command.text.c_str(), static_cast<char*>(nullptr));
  ::_exit(not_started);
}

// True if it ended in time.
bool await_end(int process, base::Millis limit) {
  const auto end = base::SteadyClock::now() + limit;
  while (true) {
    const auto left = std::chrono::ceil<base::Millis>(end - base::SteadyClock::now()).count();
    pollfd waited{.fd = process, .events = POLLIN, .revents = 0};
    const int wait_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
    const int ready = ::poll(&waited, 1, wait_ms);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return true;  // waitpid() waits then
  }
}

}  // namespace

int run_operator_command(const OperatorCommand& command) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return not_started;
  if (child == 0) become(command, parent);
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (process >= 0) {
    if (!await_end(process, command.limit)) {
      ::kill(child, SIGTERM);
      if (!await_end(process, base::Millis{last_wait_ms})) ::kill(child, SIGKILL);
    }
    ::close(process);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + WTERMSIG(status);
}

}  // namespace drawbridge::ctl
