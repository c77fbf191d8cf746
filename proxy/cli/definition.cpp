#include "proxy/cli/definition.h"

#include <CLI/CLI.hpp>

namespace drawbridge::cli {

namespace {

OptionEntry read_option(const CLI::Option& option) {
  OptionEntry entry;
  for (const auto& name : option.get_snames()) entry.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) entry.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) entry.type = option.get_type_name();
  entry.text = option.get_description();
  return entry;
}

PositionalEntry read_positional(const CLI::Option& option) {
  return {option.get_type_name().empty() ? option.get_name(true) : option.get_type_name(), option.get_description(),
          option.get_required(), option.get_items_expected_max() > 1};
}

CommandEntry read_command(const CLI::App& app, std::vector<std::string> path) {
  CommandEntry entry;
  entry.path = std::move(path);
  entry.text = app.get_description();
  entry.needs_command = app.get_require_subcommand_min() > 0;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    // Each command has its own --help; saying so once is enough.
    if (!entry.path.empty() && option == app.get_help_ptr()) continue;
    if (option->get_positional()) {
      entry.positionals.push_back(read_positional(*option));
    } else {
      entry.options.push_back(read_option(*option));
    }
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    auto below = entry.path;
    below.push_back(command->get_name());
    entry.commands.push_back(read_command(*command, std::move(below)));
  }
  return entry;
}

}  // namespace

CommandEntry read_definition(const CLI::App& app) {
  return read_command(app, {});
}

std::string join(const std::vector<std::string>& words, const std::string& separator) {
  std::string joined;
  for (const auto& word : words) {
    if (!joined.empty()) joined += separator;
    joined += word;
  }
  return joined;
}

std::string synopsis(const CommandEntry& command) {
  std::string text;
  if (!command.commands.empty()) text += command.needs_command ? " COMMAND" : " [COMMAND]";
  for (const auto& positional : command.positionals) {
    const std::string word = positional.type + (positional.many ? "..." : "");
    text += positional.required ? " " + word : " [" + word + "]";
  }
  if (!command.options.empty()) text += " [OPTIONS]";
  return text.empty() ? text : text.substr(1);
}

}  // namespace drawbridge::cli
