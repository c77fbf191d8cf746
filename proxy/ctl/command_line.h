#pragma once

#include "proxy/ctl/options.h"

#include <string>
#include <variant>
#include <vector>

namespace drawbridge::ctl {

// What to do instead of a command: text that was asked for (exit 0), or a usage error (exit 2).
struct Stop {
  int exit_code = 0;
  std::string text;
};

// `arguments` without the program's name; `socket_default` is used where --socket is not given.
std::variant<Options, Stop> parse_command_line(const std::vector<std::string>& arguments,
                                               const std::string& socket_default);

std::string help_text(cli::HelpTopic topic);

}  // namespace drawbridge::ctl
