#include "proxy/cli/manual.h"

#include <CLI/CLI.hpp>

#include <memory>

namespace drawbridge::cli {

namespace {

// CLI11 shows a positional twice ("MODE MODE REQUIRED") and lists exclusions behind the name of an option.
class HouseFormatter : public CLI::Formatter {
 public:
  HouseFormatter() {
    label("SUBCOMMAND", "COMMAND");
    label("SUBCOMMANDS", "COMMANDS");
    label("Subcommand", "Command");
    label("Subcommands", "Commands");
    column_width(28);
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional()) return option->get_items_expected_max() > 1 ? "..." : "";
    return option->get_items_expected_max() == 0 ? "" : " " + option->get_type_name();
  }
};

}  // namespace

void use_house_help(CLI::App& app) {
  app.formatter(std::make_shared<HouseFormatter>());
  app.set_help_flag("-h,--help", "Print this help and exit");
}

std::string help_of(const CLI::App& app) {
  std::string before;
  const CLI::App* chosen = &app;
  while (!chosen->get_subcommands().empty()) {
    before += (before.empty() ? "" : " ") + chosen->get_name();
    chosen = chosen->get_subcommands().front();
  }
  return chosen->help(before);
}

CLI::App* add_help_command(CLI::App& app, HelpTopic& topic) {
  CLI::App* help = app.add_subcommand("help", "");
  help->group("");
  help->add_flag_callback("--man", [&topic] { topic = HelpTopic::manual; });
  help->add_option_function<std::string>("--completion", [&topic](const std::string& shell) {
    if (shell != "bash" && shell != "zsh") throw CLI::ValidationError("--completion", "bash or zsh");
    topic = shell == "bash" ? HelpTopic::completion_bash : HelpTopic::completion_zsh;
  });
  return help;
}

std::string help_text(const CLI::App& app, const ProgramInfo& info, HelpTopic topic) {
  switch (topic) {
    case HelpTopic::usage:
      return app.help();
    case HelpTopic::manual:
      return manual_page(app, info);
    case HelpTopic::completion_bash:
      return bash_completion(app, info);
    case HelpTopic::completion_zsh:
      return zsh_completion(app, info);
  }
  return {};
}

}  // namespace drawbridge::cli
