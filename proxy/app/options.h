#pragma once

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
};

// The one definition of proxyd's command line: parsing, --help, manual page and completion come from it.
std::unique_ptr<CLI::App> define_options(Options& options);

}  // namespace drawbridge::app
