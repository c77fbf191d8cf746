#include "proxy/cli/manual.h"

#include "proxy/cli/definition.h"

#include <fmt/format.h>

namespace drawbridge::cli {

namespace {

// Text that roff prints as it is: a hyphen stays a hyphen when pasted, a leading dot is no request.
std::string escape(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + escape(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + escape(text) + "\\fR";
}

void append_options(const CommandEntry& command, std::string& out) {
  for (const auto& option : command.options) {
    std::string names;
    for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + bold(name);
    if (!option.type.empty()) names += " " + italic(option.type);
    out += fmt::format(".TP\n{}\n{}\n", names, escape(option.text));
  }
}

std::string positionals(const CommandEntry& command) {
  std::string out;
  for (const auto& positional : command.positionals) {
    const std::string word = italic(positional.type) + (positional.many ? "..." : "");
    out += positional.required ? " " + word : " [" + word + "]";
  }
  return out;
}

void append_commands(const CommandEntry& parent, std::string& out) {
  for (const auto& command : parent.commands) {
    if (command.commands.empty()) {
      const std::string options = command.options.empty() ? "" : " [" + italic("OPTIONS") + "]";
      out += fmt::format(".SS {}{}{}\n{}\n", bold(join(command.path, " ")), positionals(command), options,
                         escape(command.text));
      append_options(command, out);
    }
    append_commands(command, out);
  }
}

void append_line(std::string_view line, std::string& out) {
  const auto tab = line.find('\t');
  if (line.empty()) {
    out += ".PP\n";
  } else if (tab != std::string_view::npos) {
    out += fmt::format(".TP\n{}\n{}\n", bold(line.substr(0, tab)), escape(line.substr(tab + 1)));
  } else if (line.starts_with("  ")) {
    out += fmt::format(".nf\n.RS 4\n{}\n.RE\n.fi\n", escape(line.substr(2)));
  } else {
    out += escape(line) + "\n";
  }
}

void append_text(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    append_line(text.substr(0, end), out);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace

std::string manual_page(const CLI::App& app, const ProgramInfo& info) {
  const CommandEntry program = read_definition(app);
  std::string out = fmt::format(".TH {} {} \"\" \"Drawbridge {}\"\n", escape(upper(info.name)), info.section,
                                escape(info.version));
  out += fmt::format(".SH NAME\n{} \\- {}\n", escape(info.name), escape(info.summary));
  out += fmt::format(".SH SYNOPSIS\n{} {}\n", bold(info.name), escape(synopsis(program)));
  out += ".SH DESCRIPTION\n";
  append_text(info.description, out);
  if (!program.commands.empty()) {
    out += ".SH COMMANDS\n";
    append_commands(program, out);
  }
  if (!program.options.empty()) {
    out += ".SH OPTIONS\n";
    append_options(program, out);
  }
  for (const auto& section : info.sections) {
    out += fmt::format(".SH {}\n", escape(section.title));
    append_text(section.text, out);
  }
  return out;
}

}  // namespace drawbridge::cli
