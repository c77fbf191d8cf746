#include "proxy/ctl/command_line.h"
#include "proxy/ctl/run.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <variant>
#include <vector>

using namespace drawbridge;

namespace {

constexpr const char* default_socket = "/run/drawbridge/admin.sock";

volatile std::sig_atomic_t change_published = 0;

// Only what a signal handler may do: say what is true, and end.
[[noreturn]] void end_interrupted(std::string_view text, ctl::Exit exit) {
  const auto ignored = ::write(STDERR_FILENO, text.data(), text.size());
  static_cast<void>(ignored);
  ::_exit(static_cast<int>(exit));
}

void on_interrupt(int) {
  constexpr std::string_view made =
      "\nproxyctl: no longer waiting. The change was made and stays: proxyctl history\n";
  constexpr std::string_view sent = "\nproxyctl: the change may have been made. Look with: proxyctl history\n";
  const std::string_view text = change_published != 0 ? made : sent;
  end_interrupted(text, change_published != 0 ? ctl::Exit::undrained : ctl::Exit::unreachable);
}

void on_interrupted_cutover(int) {
  end_interrupted(
      "\nproxyctl: no longer waiting. Unless it has flipped, the site goes back; if it has, it stays: proxyctl "
      "status\n",
      ctl::Exit::unreachable);
}

void on_interrupted_watch(int) {
  end_interrupted(
      "\nproxyctl: no longer watching. The cutover was made and stays; proxyd goes on watching to the end, and "
      "goes "
      "back if it was told to: proxyctl status\n",
      ctl::Exit::undrained);
}

void note_transaction(bool watched) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(signal, watched ? on_interrupted_watch : on_interrupted_cutover);
  }
}

void note_change(bool published) {
  change_published = published ? 1 : 0;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

std::string environment(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : fallback;
}

bool is_screen(int descriptor) {
  return ::isatty(descriptor) == 1 && environment("TERM", "dumb") != "dumb";
}

void print(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

// Cut to the width of the terminal: a line that wraps cannot be drawn over.
void draw_progress(std::string_view text) {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  print(stderr, "\r\x1b[K");
  print(stderr, text.substr(0, known ? size.ws_col - 1U : 79U));
}

ctl::Console make_console(const ctl::Options& options) {
  ctl::Console console;
  console.look.colour = is_screen(STDOUT_FILENO) && environment("NO_COLOR", "").empty();
  console.out = [](std::string_view text) { print(stdout, text); };
  console.error = [](std::string_view text) { print(stderr, text); };
  if (is_screen(STDERR_FILENO)) console.progress = draw_progress;
  console.committed = note_change;
  console.transaction = note_transaction;
  const bool redraw = is_screen(STDOUT_FILENO) && !options.json;
  if (redraw && options.watch) print(stdout, "\x1b[2J\x1b[H");
  console.next_picture = [redraw] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    if (redraw) print(stdout, "\x1b[2J\x1b[H");
  };
  return console;
}

int run_command(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto parsed = ctl::parse_command_line(arguments, environment("DRAWBRIDGE_SOCKET", default_socket));
  if (const auto* stop = std::get_if<ctl::Stop>(&parsed)) {
    print(stop->exit_code == 0 ? stdout : stderr, stop->text);
    return stop->exit_code;
  }
  const auto& options = std::get<ctl::Options>(parsed);
  return static_cast<int>(ctl::run(options, make_console(options)));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_command(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "proxyctl: %s\n", error.what());
    return static_cast<int>(ctl::Exit::refused);
  }
}
