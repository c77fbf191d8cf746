#include "proxy/cli/definition.h"
#include "proxy/cli/manual.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::cli {

namespace {

std::string words_of(const std::vector<OptionEntry>& options) {
  std::string words;
  for (const auto& option : options) {
    for (const auto& name : option.names) {
      if (name.starts_with("--")) words += (words.empty() ? "" : " ") + name;
    }
  }
  return words;
}

std::string function_name(const ProgramInfo& info) {
  return "_" + info.name;
}

// The names of options that take a value, as a case pattern; empty if there are none.
void collect_valued(const CommandEntry& command, std::vector<std::string>& names) {
  for (const auto& option : command.options) {
    if (option.type.empty()) continue;
    for (const auto& name : option.names) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  for (const auto& below : command.commands) collect_valued(below, names);
}

void append_option_types(const CommandEntry& command, std::string& out) {
  for (const auto& option : command.options) {
    if (option.type.empty()) continue;
    std::vector<std::string> patterns;
    const std::string path = command.path.empty() ? "*" : "'" + join(command.path, " ") + "'";
    for (const auto& name : option.names) patterns.push_back(fmt::format("{}:{}", path, name));
    out += fmt::format("    {}) type={} ;;\n", join(patterns, " | "), option.type);
  }
  for (const auto& below : command.commands) append_option_types(below, out);
}

void append_commands(const CommandEntry& command, const std::string& shared, std::string& out) {
  std::vector<std::string> names;
  for (const auto& below : command.commands) names.push_back(below.path.back());
  const std::string options = words_of(command.options);
  out += fmt::format("    '{}')\n", join(command.path, " "));
  if (!names.empty()) out += fmt::format("      commands='{}'\n", join(names, " "));
  const bool own_and_shared = !options.empty() && !shared.empty() && !command.path.empty();
  out += fmt::format("      options='{}{}{}'\n", options, own_and_shared ? " " : "",
                     command.path.empty() ? "" : shared);
  if (!command.positionals.empty()) {
    out += "      case $position in\n";
    for (std::size_t i = 0; i < command.positionals.size(); ++i) {
      const auto& positional = command.positionals[i];
      out += fmt::format("        {}) type={} ;;\n", positional.many ? "*" : std::to_string(i), positional.type);
    }
    out += "      esac\n";
  }
  out += "      ;;\n";
  for (const auto& below : command.commands) append_commands(below, shared, out);
}

void collect_paths(const CommandEntry& command, std::vector<std::string>& patterns) {
  if (!command.path.empty()) patterns.push_back("'" + join(command.path, " ") + "'");
  for (const auto& below : command.commands) collect_paths(below, patterns);
}

void append_values(const ProgramInfo& info, std::string& out) {
  out += fmt::format("_{}_values() {{\n  case $1 in\n", info.name);
  for (const auto& [type, words] : info.values.fixed) {
    out += fmt::format("    {}) echo '{}' ;;\n", type, join(words, " "));
  }
  for (const auto& type : info.values.asked) {
    out += fmt::format("    {}) {} help --names {} 2>/dev/null ;;\n", type, info.name, type);
  }
  out += "    *) ;;\n  esac\n}\n\n";
}

constexpr const char* tail = R"bash(
  if [[ -n $type ]]; then
    case $type in
      @FILES@) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$(@FUNCTION@_values "$type")" -- "$current")
  fi
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n $commands ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
  fi
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$current"; fi
}
complete -F @FUNCTION@ @PROGRAM@
)bash";

std::string filled(std::string text, const std::string& hole, const std::string& value) {
  for (auto at = text.find(hole); at != std::string::npos; at = text.find(hole, at + value.size())) {
    text.replace(at, hole.size(), value);
  }
  return text;
}

}  // namespace

std::string bash_completion(const CLI::App& app, const ProgramInfo& info) {
  const CommandEntry program = read_definition(app);
  std::vector<std::string> valued, paths;
  collect_valued(program, valued);
  collect_paths(program, paths);

  std::string out = fmt::format("# bash completion of {} {}\n", info.name, info.version);
  append_values(info, out);
  out += function_name(info) + "() {\n";
  out +=
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} "
      "words=(\"${COMP_WORDS[@]}\")\n"
      "  local cword=$COMP_CWORD path='' position=0 commands='' options='' type='' i\n"
      "  COMPREPLY=()\n"
      "  if declare -F _get_comp_words_by_ref >/dev/null; then\n"
      "    _get_comp_words_by_ref -n =: -c current -p previous -w words -i cword\n"
      "  fi\n"
      "  for ((i = 1; i < cword; i++)); do\n"
      "    case ${words[i]} in\n";
  if (!valued.empty()) out += fmt::format("      {}) ((i += 1)) ;;\n", join(valued, " | "));
  out += "      -*) ;;\n      *)\n";
  if (!paths.empty()) {
    out += fmt::format(
        "        case \"${{path:+$path }}${{words[i]}}\" in\n"
        "          {}) path=\"${{path:+$path }}${{words[i]}}\" ;;\n"
        "          *) ((position += 1)) ;;\n"
        "        esac\n",
        join(paths, " | "));
  } else {
    out += "        ((position += 1))\n";
  }
  out += "        ;;\n    esac\n  done\n  case $path in\n";
  append_commands(program, words_of(program.options), out);
  out += "  esac\n  case \"$path:$previous\" in\n";
  append_option_types(program, out);
  out += "    *) ;;\n  esac";
  const std::vector<std::string> files(info.values.files.begin(), info.values.files.end());
  std::string end = filled(tail, "@FUNCTION@", function_name(info));
  end = filled(end, "@FILES@", files.empty() ? "''" : join(files, " | "));
  return out + filled(end, "@PROGRAM@", info.name);
}

}  // namespace drawbridge::cli
