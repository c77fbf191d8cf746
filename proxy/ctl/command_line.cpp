#include "proxy/ctl/command_line.h"

#include "proxy/base/time.h"
#include "proxy/core/slice_match.h"
#include "proxy/ctl/definition.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace drawbridge::ctl {

namespace {

std::string meant(const std::string& text, const std::vector<std::string>& known) {
  const std::string near = cli::nearest(text, known);
  return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

std::string list(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

const CLI::App& chosen_command(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

std::vector<std::string> long_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Words that begin like an option and are none.
std::string unknown_option(const CLI::App& root, const std::vector<std::string>& words) {
  std::vector<std::string> known;
  const auto is_known = [&](const std::string& word) {
    return word.size() < 2 || word[1] != '-' || std::find(known.begin(), known.end(), word) != known.end();
  };
  for (const CLI::App* app : {&chosen_command(root), &root}) {
    for (auto& name : long_options(*app)) known.push_back(std::move(name));
  }
  for (const auto& whole : words) {
    const std::string word = whole.substr(0, whole.find('='));
    if (word == "--") return {};
    if (word.starts_with('-') && !is_known(word)) return fmt::format("no option '{}'{}", word, meant(word, known));
  }
  return {};
}

// The word behind such an option is taken for the command otherwise.
std::string unknown_option_before(const CLI::App& root, std::span<const std::string> words) {
  for (const auto& whole : words) {
    const std::string word = whole.substr(0, whole.find('='));
    if (!word.starts_with("--")) continue;
    const auto known = long_options(root);
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    return fmt::format("no option '{}' before the command{}", word, meant(word, known));
  }
  return {};
}

// CLI11 says of a misspelt command that one is missing. Finds the word that was meant to be one.
std::string misspelt_command(const CLI::App& root, const std::vector<std::string>& arguments) {
  const CLI::App* app = &root;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--socket") ++i;
    if (word.starts_with('-')) continue;
    if (command_names(*app).empty()) return {};
    try {
      app = app->get_subcommand(word);
    } catch (const CLI::OptionNotFound&) {
      if (auto unknown = unknown_option_before(root, std::span(arguments).first(i)); !unknown.empty()) {
        return unknown;
      }
      const std::string prefix = app == &root ? "" : app->get_name() + " ";
      return fmt::format("no command '{}{}'{}", prefix, word, meant(word, command_names(*app)));
    }
  }
  return {};
}

std::string unexpected_argument(const CLI::App& root) {
  const auto extra = root.remaining(true);
  if (extra.empty()) return "too many arguments";
  if (auto unknown = unknown_option(root, extra); !unknown.empty()) return unknown;
  return extra.front().starts_with('-') ? fmt::format("no option '{}'", extra.front())
                                        : fmt::format("unexpected argument '{}'", extra.front());
}

// CLI11 counts what it got for a name where one word is too many, one that was meant as an option perhaps.
std::string miscounted(const CLI::App& root, const std::vector<std::string>& arguments, const std::string& told) {
  if (auto unknown = unknown_option(root, arguments); !unknown.empty()) return unknown;
  for (const CLI::Option* option : chosen_command(root).get_options()) {
    const auto most = static_cast<std::size_t>(option->get_items_expected_max());
    if (option->get_positional() && option->count() > most) {
      return fmt::format("unexpected argument '{}'", option->results()[most]);
    }
  }
  return told;
}

// A positional that was not given, or the next word of a command.
std::string missing_word(const CLI::App& root) {
  const CLI::App& app = chosen_command(root);
  if (const auto names = command_names(app); !names.empty()) {
    return &app == &root ? "a command is missing" : fmt::format("{} what? {}", app.get_name(), list(names));
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_required() && option->count() == 0) {
      return option->get_name(option->get_positional()) + " is missing";
    }
  }
  return "something is missing";
}

std::string usage_line(const CLI::App& root) {
  std::string path;
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  return fmt::format("Run 'proxyctl{} --help' for what there is.\n", path);
}

std::string check_word(const char* what, const std::string& word, const std::vector<std::string>& known) {
  if (word.empty() || std::find(known.begin(), known.end(), word) != known.end()) return {};
  return fmt::format("no {} '{}' (it is {}){}", what, word, list(known), meant(word, known));
}

std::string check_duration(const char* option, const std::string& text) {
  if (text.empty()) return {};
  const auto parsed = base::parse_duration(text);
  return parsed ? "" : fmt::format("{} '{}': {}", option, text, parsed.error().message);
}

std::string check_mode(const Options& options) {
  const std::vector<std::string> modes = {"live", "readonly", "hold", "maintenance"};
  if (auto wrong = check_word("mode", options.mode, modes); !wrong.empty()) return wrong;
  if (auto wrong = check_word("mode", options.then, modes); !wrong.empty()) return wrong;
  if (!options.until.empty()) {
    const auto parsed = base::parse_time(options.until, base::now().wall);
    if (!parsed) return fmt::format("--until '{}': {}", options.until, parsed.error().message);
  }
  const bool ends = !options.lasts.empty() || !options.until.empty();
  if (options.mode == "live" && ends) return "live stays until it is changed: --for and --until do not go with it";
  if (options.mode == "live" && options.cut) return "nothing has to end for live: --cut does not go with it";
  // A hold always ends: without --for after the site's hold.max_total.
  if (!options.then.empty() && !ends && options.mode != "hold") return "--then needs --for or --until";
  if (auto wrong = check_word("scope", options.scope, {"writes", "all"}); !wrong.empty()) return wrong;
  if (!options.scope.empty() && options.mode != "hold") return "--scope belongs to hold";
  return {};
}

std::string check_cutover(const Options& options) {
  if (options.verb == Verb::cutover && options.to.empty()) return "--to is missing: the pool to move to";
  if (options.verb == Verb::abort && !options.to.empty()) return "--abort goes without --to";
  if (auto wrong = check_word("mode", options.then, {"live", "readonly", "maintenance"}); !wrong.empty())
    return wrong;
  if (auto wrong = check_word("scope", options.hold, {"writes", "all"}); !wrong.empty()) return wrong;
  if (!options.match.empty()) {
    const auto match = core::SliceMatch::parse(options.match);
    if (!match) return "--match: " + match.error().message;
    if (!options.then.empty()) return "--then is of the whole site: it does not go with --match";
  }
  if (!options.check.empty() && options.check.front() != '/') return "--check is a path: it begins with '/'";
  const auto watch = base::parse_duration(options.watch_for);
  if (watch && watch->count() <= 0) return "--watch must be longer than nothing";
  return {};
}

std::string check_wait(const Options& options) {
  const std::vector<std::string> conditions = {"drained",       "live",      "mode=live",
                                               "mode=readonly", "mode=hold", "mode=maintenance"};
  return check_word("condition", options.until, conditions);
}

// An option that was given an empty value is a variable that was not set: never read as "not given".
std::string check_empty_values(const CLI::App& root) {
  for (const CLI::App* app : {&chosen_command(root), &root}) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->count() == 0 || option->get_items_expected_max() == 0 || option->get_name() == "--reason")
        continue;
      for (const auto& value : option->results()) {
        if (value.empty()) return fmt::format("{} is empty", option->get_name(option->get_positional()));
      }
    }
  }
  return {};
}

std::string check_values(const Options& options) {
  if (auto wrong = check_duration("--for", options.lasts); !wrong.empty()) return wrong;
  if (auto wrong = check_duration("--drain", options.drain); !wrong.empty()) return wrong;
  if (auto wrong = check_duration("--timeout", options.timeout); !wrong.empty()) return wrong;
  if (auto wrong = check_duration("--deadline", options.deadline); !wrong.empty()) return wrong;
  if (auto wrong = check_duration("--watch", options.watch_for); !wrong.empty()) return wrong;
  if (options.verb == Verb::mode) return check_mode(options);
  const bool moves = options.verb == Verb::cutover || options.verb == Verb::rollback;
  if (moves || options.verb == Verb::abort) return check_cutover(options);
  if (options.verb == Verb::wait) return check_wait(options);
  if (options.verb == Verb::page_preview) {
    if (auto wrong = check_word("mode", options.mode, {"readonly", "maintenance"}); !wrong.empty()) return wrong;
    return check_word("form", options.form, {"html", "json", "text"});
  }
  return {};
}

Stop usage_error(const CLI::App& root, const std::string& message) {
  return {2, fmt::format("proxyctl: {}\n{}", message, usage_line(root))};
}

}  // namespace

std::variant<Options, Stop> parse_command_line(const std::vector<std::string>& arguments,
                                               const std::string& socket_default) {
  Options options;
  options.socket = socket_default;
  const auto app = define_command_line(options);
  if (const auto wrong = misspelt_command(*app, arguments); !wrong.empty()) return usage_error(*app, wrong);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app->parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    return Stop{0, cli::help_of(*app)};
  } catch (const CLI::ExtrasError&) {
    return usage_error(*app, unexpected_argument(*app));
  } catch (const CLI::ArgumentMismatch& error) {
    return usage_error(*app, miscounted(*app, arguments, error.what()));
  } catch (const CLI::RequiredError&) {
    return usage_error(*app, missing_word(*app));
  } catch (const CLI::ParseError& error) {
    return usage_error(*app, error.what());
  }
  if (const auto wrong = check_empty_values(*app); !wrong.empty()) return usage_error(*app, wrong);
  if (const auto wrong = check_values(options); !wrong.empty()) return usage_error(*app, wrong);
  return options;
}

std::string help_text(cli::HelpTopic topic) {
  Options options;
  return cli::help_text(*define_command_line(options), program_info(), topic);
}

}  // namespace drawbridge::ctl
