#pragma once

#include "proxy/base/time.h"

#include <string>
#include <utility>
#include <vector>

namespace drawbridge::ctl {

// A command of the operator's, to be run by their shell as themselves.
struct OperatorCommand {
  std::string text;
  std::vector<std::pair<std::string, std::string>> environment;  // beside our own
  base::Millis limit{0};                                         // after it the command is told to end
  bool quiet_output = false;  // its standard output goes to the standard error: ours is read by a program
};

// Runs it to its end with our terminal as its own. Its exit code; 128 and the signal if one ended it, as shells
// say. The command is told to end when we die, and when `limit` has passed: whoever waits for it has given up by
// then.
int run_operator_command(const OperatorCommand& command);

}  // namespace drawbridge::ctl
