#include "proxy/ctl/command_look.h"

#include "proxy/cli/manual.h"

#include <fmt/format.h>

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <string_view>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace drawbridge::ctl {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+,:@%-";
// Where one stands more than one program may run, and an earlier one may make a later one.
constexpr std::string_view more_than_one = ";&|(){}`\n";
constexpr std::size_t siblings_max = 1'000;

std::string_view first_word(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const auto word = text.substr(0, text.find_first_not_of(plain));
  const auto behind = text.substr(word.size());
  const bool ends =
      behind.empty() || blanks.contains(behind.front()) || std::string_view(";&|\n").contains(behind.front());
  return ends && !word.starts_with('-') ? word : std::string_view();
}

// "; did you mean './switch.sh'?", or nothing.
std::string neighbour(const std::string& path) {
  const auto slash = path.rfind('/') + 1;
  DIR* folder = ::opendir(path.substr(0, slash).c_str());
  if (folder == nullptr) return {};
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(folder)) {
    if (names.size() < siblings_max) names.emplace_back(static_cast<const char*>(entry->d_name));
  }
  ::closedir(folder);
  const auto near = cli::nearest(path.substr(slash), names);
  return near.empty() ? std::string() : fmt::format("; did you mean '{}{}'?", path.substr(0, slash), near);
}

// The kernel finds no program for the first line of a script, often for the CR at its end.
std::string interpreter_problem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  std::getline(file, line);
  if (!line.starts_with("#!") || line.contains('\0')) return {};
  std::string_view rest = std::string_view(line).substr(2);
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  const std::string interpreter(rest.substr(0, rest.find_first_of(blanks)));
  if (!interpreter.starts_with('/') || ::access(interpreter.c_str(), X_OK) == 0 || errno != ENOENT) return {};
  if (interpreter.ends_with('\r')) return fmt::format("the first line of {} ends in CR LF, as on Windows", path);
  return fmt::format("the first line of {} wants {}, which is not there", path, interpreter);
}

std::string path_problem(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? fmt::format("{} is not there{}", path, neighbour(path))
                                               : std::string();
  }
  if (S_ISDIR(found.st_mode)) return fmt::format("{} is a folder", path);
  if (::access(path.c_str(), X_OK) != 0) {
    return errno == EACCES ? fmt::format("{} may not be executed by you; chmod +x?", path) : std::string();
  }
  return interpreter_problem(path);
}

// The shell itself knows what it has built in and what its PATH holds; `command -v` only looks.
bool shell_knows(const std::string& name) {
  const pid_t shell = ::fork();
  if (shell == 0) {
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
    ::execl("/bin/sh", "sh", "-c", "command -v \"$1\"", "sh", name.c_str(), static_cast<char*>(nullptr));
    ::_exit(0);
  }
  int status = 0;
  while (shell > 0 && ::waitpid(shell, &status, 0) < 0 && errno == EINTR) continue;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  return shell < 0 || (code != 1 && code != 127);
}

}  // namespace

CommandLook look_at_command(const std::string& text) {
  const std::string word(first_word(text));
  if (word.empty()) return {};
  CommandLook look;
  if (word.contains('/')) {
    look.problem = path_problem(word);
  } else if (!shell_knows(word)) {
    look.problem = fmt::format("{} is no program that the shell finds", word);
  }
  look.is_certain = !look.problem.empty() && text.find_first_of(more_than_one) == std::string::npos;
  return look;
}

}  // namespace drawbridge::ctl
