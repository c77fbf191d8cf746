#pragma once

#include <string>

namespace drawbridge::ctl {

// What a look at a command of the operator's finds before anybody waits for it. Nothing of it is executed.
struct CommandLook {
  std::string problem;      // "./swich.sh is not there; did you mean './switch.sh'?"; empty: none was found
  bool is_certain = false;  // /bin/sh could not begin it; else something before the program may still bring it
};

// Looks at the program that `text` begins with, as far as that can be told: not through variables, quotes,
// assignments, or behind a program that takes another as its argument.
CommandLook look_at_command(const std::string& text);

}  // namespace drawbridge::ctl
