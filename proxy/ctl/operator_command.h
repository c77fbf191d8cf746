#pragma once

#include "proxy/base/limits.h"
#include "proxy/base/time.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::ctl {

// A command of the operator's, to be run by their shell as themselves.
struct OperatorCommand {
  std::string text;
  std::vector<std::pair<std::string, std::string>> environment;  // beside our own
  base::Millis limit{0};                                         // after it the command is told to end
  int line = -1;              // to the daemon, which says nothing meanwhile but that it does not wait any more
  bool quiet_output = false;  // its standard output goes to the standard error: ours is read by a program
  // Keeper::Task's.
  std::function<void(int exit_code)> last_word = {};
  // Called when it is told to end by us; `line_ended`: because the daemon has hung up.
  std::function<void(bool line_ended)> told_to_end = {};
  // Called once if it goes on, or what it left when it failed, though it was told to end: Keeper::Word::names, and
  // whether it was we who told it.
  std::function<void(const std::string& names, bool by_us)> goes_on = {};
};

struct CommandEnd {
  std::optional<int> exit_code;  // 128 and the signal if one ended it, as shells say; nothing: whether it has
                                 // ended, nobody knows (Keeper::exit_code())
  bool was_told = false;    // to end, by us
  bool line_ended = false;  // the daemon had hung up
  base::Millis ran_on{};    // after that
  std::string survivors;    // of SIGKILL: they run still
  std::string output;       // the last of what it printed, at most limits::command_output_bytes_max
};

// Whether the daemon, which said this, or is at the other end of this line, does not wait for the command any more.
bool is_over(std::string_view said);
bool is_over(int line);

// Runs it to its end with our standard input as its own; what it prints is passed on as it comes. It is told to
// end, with all that it has started, when `limit` has passed, the daemon does not wait any more, or we have ended,
// by whatever signal (ctl/keeper.h).
CommandEnd run_operator_command(const OperatorCommand& command);

}  // namespace drawbridge::ctl
