#include "proxy/app/options.h"

#include <CLI/CLI.hpp>

namespace drawbridge::app {

std::unique_ptr<CLI::App> define_options(Options& options) {
  auto app = std::make_unique<CLI::App>("A reverse proxy for the night of the upgrade.", "proxyd");
  cli::use_house_help(*app);
  app->set_version_flag("--version", "proxyd " DRAWBRIDGE_VERSION);
  auto* run = app->add_option("--config", options.config, "Serve with this configuration, in the foreground")
                  ->type_name("FILE");
  app->add_option("--check", options.check, "Only check this configuration: exit 0 if it is good, 1 if not")
      ->type_name("FILE")
      ->excludes(run);
  auto* demo = app->add_subcommand("demo", "Try it: a proxy in front of two little shops; needs no file");
  demo->add_option("--listen", options.demo_listen, "Address of the demo's proxy")
      ->type_name("ADDRESS")
      ->capture_default_str();
  demo->callback([&options] { options.demo = true; });
  cli::add_help_command(*app, options.topic)->callback([&options] { options.help = true; });
  app->require_subcommand(0, 1);
  return app;
}

cli::ProgramInfo program_info() {
  cli::ProgramInfo info;
  info.name = "proxyd";
  info.section = 8;
  info.version = DRAWBRIDGE_VERSION;
  info.summary = "maintenance-aware reverse proxy";
  info.description =
      "Stands in front of web servers and lets an operator decide, with proxyctl(1), what the public may do with a "
      "site "
      "right now: everything, only read, or read a page.\n\n"
      "proxyd runs in the foreground and writes events to standard error. What exists (sites, pools, limits) is in "
      "the "
      "configuration file; what is on now (modes, servers taken out) is in state.json in server.state_dir and "
      "survives "
      "restarts.";
  info.sections = {
      {"SIGNALS",
       "SIGTERM, SIGINT\tFinish what is in flight within server.shutdown_grace, end. Newcomers are refused at "
       "once; "
       "where a service manager keeps the listening sockets they are served meanwhile. A second one ends at "
       "once.\nSIGHUP\tRead the configuration file again, as proxyctl reload does.\nSIGUSR1\tOpen the access "
       "log "
       "again, after it was moved away."},
      {"EXIT STATUS",
       "0\tEnded as asked; with --check: the configuration is good.\n1\tCould not start, or failed; with --check: "
       "the "
       "configuration is not good, and why stands on standard error.\n2\tThe command line is wrong."},
      {"ENVIRONMENT",
       "LISTEN_FDS, LISTEN_PID\tListening sockets to take over, as sd_listen_fds(3) has it.\nNOTIFY_SOCKET\tWho is "
       "told "
       "of the start and the end, and given the listening sockets to keep, as sd_notify(3) has it."},
      {"FILES", "/var/lib/drawbridge/state.json\tWhat is on now.\n/run/drawbridge/admin.sock\tThe admin socket."},
      {"SEE ALSO", "proxyctl(1)"},
  };
  info.values.files = {"FILE"};
  return info;
}

}  // namespace drawbridge::app
