#include "config/problem.h"
#include "proxy/app/configuration.h"
#include "proxy/app/daemon.h"
#include "proxy/app/demo/stage.h"
#include "proxy/app/options.h"
#include "proxy/control/text.h"
#include "proxy/net/handed_over.h"
#include "proxy/net/library_heap.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <exception>

namespace {

using namespace drawbridge;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int print_problems(const std::vector<config::Problem>& problems) {
  fmt::print(stderr, "{}", config::format(problems));
  return exit_failed;
}

int check(const std::string& file) {
  const auto configuration = app::load_configuration(file);
  if (!configuration) return print_problems(configuration.error());
  const auto& config = configuration->values;
  auto warnings = app::missing_folders(config.server);
  for (auto& warning : app::state_warnings(config)) warnings.push_back(std::move(warning));
  for (const auto& warning : warnings) fmt::print(stderr, "{}: warning: {}\n", file, warning);
  fmt::print("{}: good: {}, {}\n", file, control::counted(config.sites.size(), "site"),
             control::counted(config.pools.size(), "pool"));
  return 0;
}

int serve(const std::string& file, base::Expected<net::HandedOver> handed) {
  if (!handed) {
    fmt::print(stderr, "proxyd: {}\n", handed.error().message);
    return exit_failed;
  }
  const auto load = [file] { return app::load_configuration(file); };
  auto configuration = load();
  if (!configuration) return print_problems(configuration.error());
  return app::run_daemon({.configuration = std::move(*configuration), .load = load, .handed = std::move(*handed)});
}

int demo(const std::string& listen) {
  const auto stage = demo::Stage::open(listen);
  if (!stage) {
    fmt::print(stderr, "proxyd: {}\n", stage.error().message);
    return exit_failed;
  }
  const auto text = (*stage)->config_text();
  const auto load = [text] { return app::parse_configuration(text, "demo"); };
  auto configuration = load();
  if (!configuration) return print_problems(configuration.error());
  const auto serving = [&](const std::vector<std::string>& addresses) {
    fmt::print("{}", (*stage)->banner(addresses.front()));
    std::fflush(stdout);
  };
  return app::run_daemon(
      {.configuration = std::move(*configuration), .load = load, .serving = serving, .events_to_stderr = false});
}

int run(int argc, char** argv) {
  auto handed = net::take_handed_over();
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
  if (!options.config.empty()) return serve(options.config, std::move(handed));
  fmt::print(stderr, "proxyd: say what to serve: --config FILE, or `proxyd demo` to try it. See proxyd --help.\n");
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  net::LibraryHeap::install();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "proxyd: {}\n", error.what());
    return exit_failed;
  }
}
