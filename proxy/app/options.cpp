#include "proxy/app/options.h"

#include <CLI/CLI.hpp>

namespace drawbridge::app {

std::unique_ptr<CLI::App> define_options(Options& options) {
  auto app = std::make_unique<CLI::App>("A reverse proxy for the night of the upgrade.", "proxyd");
  app->set_version_flag("--version", "proxyd " DRAWBRIDGE_VERSION);
  auto* run = app->add_option("--config", options.config, "Serve with this configuration, in the foreground")
                  ->type_name("FILE");
  app->add_option("--check", options.check, "Only check this configuration: exit 0 if it is good, 1 if not")
      ->type_name("FILE")
      ->excludes(run);
  auto* demo = app->add_subcommand("demo", "Try it: a proxy in front of two little shops; needs no file");
  demo->add_option("--listen", options.demo_listen, "Address of the demo's proxy")
      ->type_name("IP:PORT")
      ->capture_default_str();
  demo->callback([&options] { options.demo = true; });
  app->require_subcommand(0, 1);
  return app;
}

}  // namespace drawbridge::app
