#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

// The help of a program made from its command line definition, so that the manual page, the shell completion and
// --help cannot say three different things. Pure: a definition in, text out.
namespace drawbridge::cli {

// What a shell can offer for an argument, by the type name in the definition ("MODE", "SITE").
struct ArgumentValues {
  std::map<std::string, std::vector<std::string>> fixed;
  std::set<std::string> asked;  // the program knows: `PROGRAM help --names TYPE`, one a line
  std::set<std::string> files;  // paths
};

// What a manual page says beyond the definition. `text` is paragraphs separated by an empty line; a line that
// begins with two spaces is kept as it is (an example); a line "TERM\tTEXT" is an entry of a list.
struct ManualSection {
  std::string title;
  std::string text;
};

struct ProgramInfo {
  std::string name;
  int section = 1;  // 1 for commands, 8 for daemons
  std::string version;
  std::string summary;  // "remote control of the Drawbridge proxy"
  std::string description;
  std::vector<ManualSection> sections;  // after the options
  ArgumentValues values;
};

// roff of the man macros. Commands and options without a group (hidden) are left out.
std::string manual_page(const CLI::App& app, const ProgramInfo& info);

std::string bash_completion(const CLI::App& app, const ProgramInfo& info);
std::string zsh_completion(const CLI::App& app, const ProgramInfo& info);

// Makes --help of `app` and of the commands that are added to it later speak as the manual does.
void use_house_help(CLI::App& app);

// The help of the command that was parsed, or of the program.
std::string help_of(const CLI::App& app);

// What `PROGRAM help …` prints: a hidden command, for the build and for the shells.
enum class HelpTopic : std::uint8_t { usage, manual, completion_bash, completion_zsh };

// Adds it: `help --man`, `help --completion bash|zsh`. `topic` is set by parsing and must outlive `app`.
CLI::App* add_help_command(CLI::App& app, HelpTopic& topic);

// Ends with a line end.
std::string help_text(const CLI::App& app, const ProgramInfo& info, HelpTopic topic);

// The one of `known` that was probably meant; empty if none is near.
std::string nearest(std::string_view text, const std::vector<std::string>& known);

}  // namespace drawbridge::cli
