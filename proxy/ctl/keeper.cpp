#include "proxy/ctl/keeper.h"

#include "proxy/core/cutover.h"

#include <climits>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace drawbridge::ctl {
namespace {

constexpr base::Millis stopped_margin{1'000};  // while proxyctl runs it ends the command itself
constexpr base::Millis kill_wait{1'000};       // what SIGKILL does not end in that time it may never end
constexpr base::Millis told_wait{500};         // who goes on after it is named
static_assert(stopped_margin + Keeper::last_wait + kill_wait < core::stop_limit);
constexpr int look_ms = 20;
constexpr std::size_t family_max = 1'000;
constexpr char told_word = 't';  // what a line of the keeper's begins with
constexpr char killed_word = 'k';
constexpr std::size_t named_max = 5;

int pidfd_of(pid_t process) {
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// All that came of us and still runs: a shell that is told to end leaves what it has started behind.
std::vector<pid_t> family() {
  std::vector<pid_t> found{::getpid()};
  for (std::size_t i = 0; i < found.size() && found.size() < family_max; ++i) {
    std::error_code gone;  // one may end while we look
    std::filesystem::directory_iterator thread(fmt::format("/proc/{}/task", found[i]), gone), last;
    for (; !gone && thread != last; thread.increment(gone)) {
      std::ifstream children(thread->path() / "children");
      for (pid_t child = 0; children >> child;) found.push_back(child);
    }
  }
  found.erase(found.begin());
  return found;
}

void signal_family(int signal) {
  for (const auto member : family()) ::kill(member, signal);
}

std::string names_of(std::vector<pid_t> processes) {
  const auto more = processes.size() > named_max ? fmt::format(", {} more", processes.size() - named_max) : "";
  processes.resize(std::min(processes.size(), named_max));
  std::string names;
  for (const pid_t process : processes) {
    std::string name;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", process)), name);
    std::ranges::replace_if(name, [](char c) { return c < ' ' || c > '~'; }, '?');
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", name, process);
  }
  return names + more;
}

// The keeper's own life, in its own process.
class Watch {
 public:
  Watch(int leash, const Keeper::Task& task) : leash_(leash), task_(task) {}

  [[noreturn]] void keep();

 private:
  [[noreturn]] void become(pid_t parent, const sigset_t& mask) const;
  void let_go() const;
  bool await_shell();
  bool leash_goes() const;
  bool await_all(base::Millis limit, int signal = 0);
  bool end_all();
  bool is_alone() const;
  void say(char kind) const;

  int leash_;
  const Keeper::Task& task_;
  pid_t shell_ = -1;
  bool is_late_ = false;  // proxyctl has not ended the command in time
  int status_ = Keeper::not_started << 8;
};

constexpr std::array deaf_to = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};

constexpr std::array ends_proxyctl = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile std::sig_atomic_t interrupted = 0;  // one of these has come

void note_interrupt(int) {
  interrupted = 1;
}

// What was said to it before it hears again has waited: `mask` lets it in.
void Watch::become(pid_t parent, const sigset_t& mask) const {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // for who kills the keeper as well
  if (::getppid() != parent) ::_exit(Keeper::not_started);
  for (const int signal : deaf_to) std::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  task_.command();
  ::_exit(Keeper::not_started);
}

// A daemon that hears nothing of our end, or a terminal that stays open, would be the keeper's doing.
void Watch::let_go() const {
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
  const auto leash = static_cast<unsigned>(leash_);
  if (leash > 3) ::syscall(SYS_close_range, 3U, leash - 1, 0U);
  ::syscall(SYS_close_range, leash + 1, UINT_MAX, 0U);
}

// False: the leash was let go, or the time is over. Of a Ctrl-C, which ends the shell and proxyctl, the shell's end
// may be seen first. A shell that was ended by a signal to all of us has ended after we got ours (the kernel tells
// of no end before all are told), and then proxyctl has a moment to end too: the leash counts.
bool Watch::await_shell() {
  const int shell = pidfd_of(shell_);
  const auto end = base::SteadyClock::now() + task_.limit + stopped_margin;
  for (;;) {
    const auto left = std::chrono::ceil<base::Millis>(end - base::SteadyClock::now()).count();
    std::array<pollfd, 2> waited{};
    waited[0] = {.fd = shell, .events = POLLIN, .revents = 0};
    waited[1] = {.fd = leash_, .events = POLLIN, .revents = 0};
    const int ready =
        ::poll(waited.data(), waited.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
    if (ready < 0 && errno == EINTR) continue;
    if (waited[1].revents != 0) return false;
    if (waited[0].revents != 0) return interrupted == 0 || !leash_goes();
    is_late_ = left <= 0;
    if (is_late_) return false;
  }
}

bool Watch::leash_goes() const {
  const auto end = base::SteadyClock::now() + stopped_margin;
  for (;;) {
    const auto left = std::chrono::ceil<base::Millis>(end - base::SteadyClock::now()).count();
    pollfd leash{.fd = leash_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&leash, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// `signal` goes to all of them again and again: who has just been begun got none.
bool Watch::await_all(base::Millis limit, int signal) {
  const auto end = base::SteadyClock::now() + limit;
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended == shell_) status_ = status;
    if (ended < 0 && errno == ECHILD) return true;
    if (ended != 0) continue;
    if (signal != 0) signal_family(signal);
    if (base::SteadyClock::now() >= end) return false;
    ::poll(nullptr, 0, look_ms);
  }
}

// One line each. Nobody may be there to hear it.
void Watch::say(char kind) const {
  const auto word = fmt::format("{}{}\n", kind, names_of(family()));
  (void)::send(leash_, word.data(), word.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// False: something runs on, which is another user's (setuid, sudo) or which the kernel does not let go.
bool Watch::end_all() {
  signal_family(SIGTERM);
  signal_family(SIGCONT);
  if (await_all(told_wait)) return true;
  say(told_word);
  if (await_all(Keeper::last_wait - told_wait) || await_all(kill_wait, SIGKILL)) return true;
  say(killed_word);
  return false;
}

// Nobody is at the other end of the leash.
bool Watch::is_alone() const {
  pollfd leash{.fd = leash_, .events = 0, .revents = 0};
  return ::poll(&leash, 1, 0) > 0 && (leash.revents & POLLHUP) != 0;
}

void Watch::keep() {
  for (const int signal : deaf_to) std::signal(signal, SIG_IGN);
  for (const int signal : ends_proxyctl) std::signal(signal, note_interrupt);
  ::prctl(PR_SET_NAME, "drawbridge-run");  // who kills all processes of our name means others
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t parent = ::getpid();
  sigset_t waiting, mask;
  sigemptyset(&waiting);
  for (const int signal : deaf_to) sigaddset(&waiting, signal);
  ::sigprocmask(SIG_BLOCK, &waiting, &mask);
  shell_ = ::fork();
  if (shell_ == 0) become(parent, mask);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (shell_ < 0) ::_exit(Keeper::not_started);
  let_go();
  if (await_shell()) {
    while (::waitpid(shell_, &status_, 0) < 0 && errno == EINTR) continue;
    if (code_of(status_) == 0) {
      if (task_.last_word && is_alone()) task_.last_word(0);
      ::_exit(0);
    }
  }
  if (end_all() && task_.last_word && (is_alone() || is_late_)) task_.last_word(code_of(status_));
  ::_exit(code_of(status_));
}

}  // namespace

Keeper::Keeper(const Task& task) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  keeper_ = ::fork();
  if (keeper_ == 0) {
    ::close(ends[1]);
    Watch(ends[0], task).keep();
  }
  ::close(ends[0]);
  leash_ = ends[1];
  if (keeper_ > 0) process_ = pidfd_of(keeper_);
}

Keeper::~Keeper() {
  if (leash_ >= 0) ::close(leash_);
  if (process_ >= 0) ::close(process_);
}

void Keeper::end_command() {
  if (leash_ >= 0) ::shutdown(leash_, SHUT_WR);
}

std::vector<Keeper::Word> Keeper::hear() {
  std::array<char, 4'096> bytes{};
  const auto count = ::recv(leash_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0) return {};
  is_silent_ = count == 0;
  heard_.append(bytes.data(), static_cast<std::size_t>(count));
  std::vector<Word> words;
  for (auto end = heard_.find('\n'); end != std::string::npos; end = heard_.find('\n')) {
    words.push_back({.killed = heard_[0] == killed_word, .names = heard_.substr(1, end - 1)});
    heard_.erase(0, end + 1);
  }
  return words;
}

std::optional<int> Keeper::exit_code() {
  int status = not_started << 8;
  if (keeper_ < 0) return not_started;
  while (::waitpid(keeper_, &status, 0) < 0 && errno == EINTR) continue;
  keeper_ = -1;
  if (WIFSIGNALED(status)) return std::nullopt;
  return code_of(status);
}

}  // namespace drawbridge::ctl
