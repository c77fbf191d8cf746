#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

// A command line definition as plain values: what the manual and the completions are written from.
namespace drawbridge::cli {

struct OptionEntry {
  std::vector<std::string> names;  // "-H", "--header"
  std::string type;                // "DURATION"; empty for a flag
  std::string text;
};

struct PositionalEntry {
  std::string type;  // "SITE"
  std::string text;
  bool required = false;
  bool many = false;
};

struct CommandEntry {
  std::vector<std::string> path;  // {"page", "preview"}; empty for the program itself
  std::string text;
  std::vector<OptionEntry> options;
  std::vector<PositionalEntry> positionals;
  std::vector<CommandEntry> commands;
  bool needs_command = false;  // one of `commands` must follow
};

CommandEntry read_definition(const CLI::App& app);

// "page preview", joined by `separator`.
std::string join(const std::vector<std::string>& words, const std::string& separator);

// "[OPTIONS] SITE..." as a synopsis shows it.
std::string synopsis(const CommandEntry& command);

}  // namespace drawbridge::cli
