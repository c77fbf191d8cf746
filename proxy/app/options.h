#pragma once

#include "proxy/cli/manual.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>

namespace drawbridge::app {

// What the command line of proxyd asks for.
struct Options {
  std::string config;  // --config FILE: run
  std::string check;   // --check FILE: only check
  bool demo = false;   // demo
  std::string demo_listen = "127.0.0.1:8080";
  bool help = false;  // help, hidden: for the build
  cli::HelpTopic topic = cli::HelpTopic::usage;
};

// The one definition of proxyd's command line: parsing, --help, manual page and completion come from it.
std::unique_ptr<CLI::App> define_options(Options& options);

// What the manual page says beyond it.
cli::ProgramInfo program_info();

}  // namespace drawbridge::app
