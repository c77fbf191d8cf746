#include "proxy/cli/definition.h"
#include "proxy/cli/manual.h"

#include <fmt/format.h>

namespace drawbridge::cli {

namespace {

// Inside single quotes of an _arguments specification: brackets and colons have a meaning there.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string function_name(const ProgramInfo& info, const CommandEntry& command) {
  const std::string path = join(command.path, "_");
  return "_" + info.name + (path.empty() ? "" : "_" + path);
}

std::string action(const ProgramInfo& info, const std::string& type) {
  if (info.values.files.contains(type)) return "_files";
  const auto found = info.values.fixed.find(type);
  if (found != info.values.fixed.end()) return "(" + join(found->second, " ") + ")";
  if (info.values.asked.contains(type)) return fmt::format("{{_{}_ask {}}}", info.name, type);
  return " ";
}

void append_options(const ProgramInfo& info, const CommandEntry& command, std::string& out) {
  for (const auto& option : command.options) {
    for (const auto& name : option.names) {
      const std::string value =
          option.type.empty() ? "" : fmt::format(":{}:{}", escape(option.type), action(info, option.type));
      out += fmt::format(" \\\n    '{}[{}]{}'", name, escape(option.text), value);
    }
  }
}

void append_leaf(const ProgramInfo& info, const CommandEntry& command, std::string& out) {
  for (std::size_t i = 0; i < command.positionals.size(); ++i) {
    const auto& positional = command.positionals[i];
    const std::string where = positional.many ? "*" : std::to_string(i + 1);
    out += fmt::format(" \\\n    '{}:{}:{}'", where, escape(positional.type), action(info, positional.type));
  }
  out += "\n}\n\n";
}

void append_branch(const ProgramInfo& info, const CommandEntry& command, std::string& out) {
  out += " \\\n    '1: :->command' \\\n    '*:: :->arguments'\n  case $state in\n    command)\n      commands=(\n";
  for (const auto& below : command.commands) {
    out += fmt::format("        '{}:{}'\n", below.path.back(), escape(below.text));
  }
  out += "      )\n      _describe command commands\n      ;;\n    arguments)\n      case $line[1] in\n";
  for (const auto& below : command.commands) {
    out += fmt::format("        {}) {} ;;\n", below.path.back(), function_name(info, below));
  }
  out += "      esac\n      ;;\n  esac\n}\n\n";
}

void append_command(const ProgramInfo& info, const CommandEntry& program, const CommandEntry& command,
                    std::string& out) {
  for (const auto& below : command.commands) append_command(info, program, below, out);
  out += function_name(info, command) + "() {\n";
  out += "  local state line\n  local -a commands\n";
  out += command.commands.empty() ? "  _arguments" : "  _arguments -C";
  append_options(info, command, out);
  if (!command.path.empty()) append_options(info, program, out);
  if (command.commands.empty()) {
    append_leaf(info, command, out);
  } else {
    append_branch(info, command, out);
  }
}

}  // namespace

std::string zsh_completion(const CLI::App& app, const ProgramInfo& info) {
  const CommandEntry program = read_definition(app);
  std::string out = fmt::format("#compdef {}\n# zsh completion of {} {}\n\n", info.name, info.name, info.version);
  out += fmt::format(
      "_{0}_ask() {{\n  local -a names\n  names=(${{(f)\"$({0} help --names $1 2>/dev/null)\"}})\n"
      "  compadd -a names\n}}\n\n",
      info.name);
  append_command(info, program, program, out);
  out += fmt::format("if [[ $funcstack[1] == _{0} ]]; then _{0} \"$@\"; else compdef _{0} {0}; fi\n", info.name);
  return out;
}

}  // namespace drawbridge::cli
