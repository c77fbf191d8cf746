#include "config/load.h"
#include "config/problem.h"
#include "proxy/app/daemon.h"
#include "proxy/app/demo/stage.h"
#include "proxy/app/options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <exception>

namespace {

using namespace drawbridge;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int print_problems(const std::vector<config::Problem>& problems) {
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", config::format(problem));
  return exit_failed;
}

int check(const std::string& file) {
  const auto config = config::load(file);
  if (!config) return print_problems(config.error());
  fmt::print("{}: good: {} sites, {} pools\n", file, config->sites.size(), config->pools.size());
  return 0;
}

int serve(const std::string& file) {
  auto config = config::load(file);
  if (!config) return print_problems(config.error());
  return app::run_daemon({.config = std::move(*config), .load = [file] { return config::load(file); }});
}

int demo(const std::string& listen) {
  const auto stage = demo::Stage::open(listen);
  if (!stage) {
    fmt::print(stderr, "proxyd: {}\n", stage.error().message);
    return exit_failed;
  }
  const auto text = (*stage)->config_text();
  const auto load = [text] { return config::parse(text, "demo"); };
  auto config = load();
  if (!config) return print_problems(config.error());
  const auto serving = [&](const std::vector<std::string>& addresses) {
    fmt::print("{}", (*stage)->banner(addresses.front()));
    std::fflush(stdout);
  };
  return app::run_daemon(
      {.config = std::move(*config), .load = load, .serving = serving, .events_to_stderr = false});
}

int run(int argc, char** argv) {
  app::Options options;
  const auto parser = app::define_options(options);
  try {
    parser->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const auto status = parser->exit(error);
    return status == 0 ? 0 : exit_usage;
  }
  if (options.help) {
    fmt::print("{}", cli::help_text(*parser, app::program_info(), options.topic));
    return 0;
  }
  if (options.demo) return demo(options.demo_listen);
  if (!options.check.empty()) return check(options.check);
  if (!options.config.empty()) return serve(options.config);
  fmt::print(stderr, "proxyd: say what to serve: --config FILE, or `proxyd demo` to try it. See proxyd --help.\n");
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "proxyd: {}\n", error.what());
    return exit_failed;
  }
}
