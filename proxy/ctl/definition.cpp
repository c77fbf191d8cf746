#include "proxy/ctl/definition.h"

#include "proxy/base/ascii.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace drawbridge::ctl {

namespace {

// CLI11's own check speaks of a range that nobody has asked for.
std::string count_above_zero(const std::string& text) {
  const auto count = base::parse_decimal(text);
  return count && *count > 0 ? "" : fmt::format("'{}' is not a whole number above 0", text);
}

CLI::App* command(CLI::App& parent, const char* name, const char* text, Options& options, Verb verb) {
  CLI::App* app = parent.add_subcommand(name, text);
  app->fallthrough();
  app->callback([&options, verb] { options.verb = verb; });
  return app;
}

CLI::App* branch(CLI::App& parent, const char* name, const char* text) {
  CLI::App* app = parent.add_subcommand(name, text);
  app->fallthrough();
  return app;
}

void add_sites(CLI::App& app, Options& options, const char* text) {
  app.add_option("SITE", options.sites, text)->type_name("SITE");
}

void add_change_options(CLI::App& app, Options& options) {
  app.add_option("--reason", options.reason, "Why; shown in status, history and on the page")->type_name("TEXT");
  app.add_option("--if-epoch", options.if_epoch, "Change nothing unless this is the current epoch")
      ->check(count_above_zero)
      ->type_name("EPOCH");
}

void define_status(CLI::App& app, Options& options) {
  CLI::App* status = command(app, "status", "What is on now: what is unusual first, then sites and servers",
                             options, Verb::status);
  add_sites(*status, options, "Only these sites; without, all");
  status->add_flag("--watch,-w", options.watch, "Again every second until interrupted");
}

void define_mode(CLI::App& app, Options& options) {
  CLI::App* mode = command(app, "mode", "Switch sites to a mode, wait for what must end, print the receipt",
                           options, Verb::mode);
  mode->add_option("MODE", options.mode, "live, readonly, hold or maintenance")->type_name("MODE")->required();
  add_sites(*mode, options, "The sites to switch; without, all");
  auto* lasts = mode->add_option("--for", options.lasts, "Ends by itself after this time")->type_name("DURATION");
  mode->add_option("--until", options.until, "Ends by itself at this time: RFC 3339 or HH:MM in UTC")
      ->type_name("TIME")
      ->excludes(lasts);
  mode->add_option("--then", options.then, "The mode that follows (live)")->type_name("MODE");
  mode->add_option("--scope", options.scope, "What a hold parks: writes or all; without, the site's")
      ->type_name("SCOPE");
  mode->add_option("--drain", options.drain, "Longest wait for what is in flight; without, the site's")
      ->type_name("DURATION");
  mode->add_flag("--cut", options.cut,
                 "At that point end what is still open, and list it; a write without an answer is then no failure");
  add_change_options(*mode, options);
}

void add_cutover_options(CLI::App& app, Options& options) {
  app.add_option("--match", options.match,
                 "Only this part of the site: header:NAME=VALUE, cookie:NAME=VALUE, host:NAME, path:PREFIX, "
                 "'percent:N by address' or 'percent:N by cookie:NAME'")
      ->type_name("MATCH");
  app.add_option("--hold", options.hold, "What waits meanwhile: writes or all; without, the site's")
      ->type_name("SCOPE");
  app.add_option("--drain", options.drain, "Longest wait for what is in flight; without, the site's")
      ->type_name("DURATION");
  app.add_option(
         "--deadline", options.deadline,
         "Longest hold, but for the end of a command that is told to end; without, the site's hold.max_total")
      ->type_name("DURATION");
  app.add_option("--run", options.run, "A command to run here while the site is held; it must exit 0")
      ->type_name("COMMAND");
  app.add_option("--check", options.check, "Before the flip GET this path from each server of the new pool")
      ->type_name("URL-PATH");
  app.add_option("--watch", options.watch_for, "After the flip count the new pool's errors for so long")
      ->type_name("DURATION");
  app.add_option("--errors-max", options.errors_max, "What part of its answers may be 5xx; without, 5%")
      ->type_name("PERCENT");
  app.add_flag("--return-on-errors", options.return_on_errors, "If there are more, go back by the same steps");
  app.add_flag("--discard-writes", options.discard_writes,
               "Go back although the pool that is left has accepted writes");
  app.add_flag(
      "--cut", options.cut,
      "At the end of the drain cut what is still open, and list it; go on also after a write without an answer");
  app.add_flag("--dry-run", options.dry_run, "Only look whether it could begin; change nothing");
  app.add_option("--then", options.then, "The mode after it; without, the mode stays")->type_name("MODE");
  add_change_options(app, options);
}

void define_cutover(CLI::App& app, Options& options) {
  CLI::App* cutover =
      command(app, "cutover", "Move a site to another pool without losing a write: all of it or nothing", options,
              Verb::cutover);
  cutover->add_option("SITE", options.sites, "The site to move")->type_name("SITE")->required()->expected(1);
  cutover->add_option("--to", options.to, "The pool to move to")->type_name("POOL");
  cutover->add_flag("--abort", options.abort, "Give up the cutover that is under way, if it has not flipped yet");
  cutover->add_flag("--now", options.now, "With --abort: do not wait until its command has ended")
      ->needs("--abort");
  cutover->callback([&options] { options.verb = options.abort ? Verb::abort : Verb::cutover; });
  add_cutover_options(*cutover, options);
  for (const char* other : {"--match", "--if-epoch"}) cutover->get_option("--abort")->excludes(other);
  CLI::App* rollback = command(app, "rollback", "Move a site back to the pool it was on before its last cutover",
                               options, Verb::rollback);
  rollback->add_option("SITE", options.sites, "The site to move back")->type_name("SITE")->required()->expected(1);
  add_cutover_options(*rollback, options);
}

void define_wait(CLI::App& app, Options& options) {
  CLI::App* wait = command(app, "wait", "Wait until sites are drained or in a mode", options, Verb::wait);
  add_sites(*wait, options, "These sites; without, all");
  wait->add_option("--until", options.until, "drained, live or mode=MODE")->type_name("CONDITION")->required();
  wait->add_option("--timeout", options.timeout, "Give up after this time and exit 1")->type_name("DURATION");
}

void define_explain(CLI::App& app, Options& options) {
  CLI::App* explain = command(app, "explain", "What would be done with a request now, and which rule says so",
                              options, Verb::explain);
  explain->add_option("METHOD", options.method, "GET, POST, ...")->type_name("METHOD")->required();
  explain->add_option("URL", options.url, "https://shop.example/cart?x=1, or a path alone")
      ->type_name("URL")
      ->required();
  explain
      ->add_option("-H,--header", options.headers, "A header field of the request, 'Name: value'; may be repeated")
      ->type_name("FIELD")
      ->allow_extra_args(false);
  explain->add_option("--from", options.from, "The client's address, which a percentage may go by")
      ->type_name("ADDRESS");
}

void define_pools(CLI::App& app, Options& options) {
  CLI::App* pool = branch(app, "pool", "Pools and their servers");
  pool->callback([&options, pool] {
    if (pool->get_subcommands().empty()) options.verb = Verb::pool_list;
  });
  command(*pool, "list", "All pools, their servers, health and load", options, Verb::pool_list);

  CLI::App* server = branch(app, "server", "Take a server out of its pool, or back in");
  server->require_subcommand(1);
  struct Change {
    const char* name;
    const char* admin;
    const char* text;
  };
  for (const Change& change :
       {Change{"drain", "drain", "Nothing new goes to the server; waits for the end of what it has"},
        Change{"ready", "ready", "The server takes part again as soon as it is healthy"},
        Change{"disable", "disabled", "As drain, and nothing checks it any more"}}) {
    CLI::App* verb = command(*server, change.name, change.text, options, Verb::server);
    verb->callback([&options, admin = change.admin] {
      options.verb = Verb::server;
      options.admin = admin;
    });
    verb->add_option("POOL", options.pool, "Name of the pool")->type_name("POOL")->required();
    verb->add_option("ADDRESS", options.address, "Address as configured")->type_name("ADDRESS")->required();
    if (std::string_view(change.name) != "ready") {
      verb->add_option("--drain", options.drain, "Longest wait for what the server has; without, the site's")
          ->type_name("DURATION");
      verb->add_flag("--cut", options.cut, "At that point end what the server still has, and list it");
    }
    add_change_options(*verb, options);
  }
}

void define_pages(CLI::App& app, Options& options) {
  CLI::App* page = branch(app, "page", "What visitors see");
  page->require_subcommand(1);
  CLI::App* preview =
      command(*page, "preview", "Exactly what a visitor would get, before the switch", options, Verb::page_preview);
  preview->add_option("SITE", options.sites, "Name of the site")->type_name("SITE")->required()->expected(1);
  preview->add_option("--as", options.form, "html (default), json or text")->type_name("FORM");
  preview->add_option("--mode", options.mode, "readonly or maintenance; without, the site's or maintenance")
      ->type_name("MODE");
  preview->add_option("--for", options.lasts, "As if the mode ended after this time")->type_name("DURATION");
  preview->add_option("--reason", options.reason, "As if this were the reason")->type_name("TEXT");
  preview->add_flag("--head", options.head, "Print status line and header fields too");
}

void define_rest(CLI::App& app, Options& options) {
  CLI::App* history =
      command(app, "history", "Who changed what, when, why and how it ended; newest first", options, Verb::history);
  history->add_option("SITE", options.sites, "Only this site")->type_name("SITE")->expected(0, 1);
  history->add_option("--last", options.count, "Only the last N changes")->type_name("N")->check(count_above_zero);
  CLI::App* events = command(app, "events", "Follow the event log until interrupted", options, Verb::events);
  events->add_option("--after", options.after, "Begin behind this sequence number (0: all that is kept)")
      ->type_name("N")
      ->each([&options](const std::string&) { options.has_after = true; });
  CLI::App* reload =
      command(app, "reload", "Read the configuration file again: all of it or nothing", options, Verb::reload);
  reload->add_option("--if-epoch", options.if_epoch, "Change nothing unless this is the current epoch")
      ->check(count_above_zero)
      ->type_name("EPOCH");
  command(app, "doctor", "Look for what will hurt tonight; exit 1 if something fails", options, Verb::doctor);
  command(app, "version", "Versions of proxyctl and of the daemon", options, Verb::version);
}

void define_help(CLI::App& app, Options& options) {
  CLI::App* help = cli::add_help_command(app, options.topic);
  help->fallthrough();
  help->callback([&options] { options.verb = Verb::help; });
  help->add_option("--names", options.names);
}

}  // namespace

std::shared_ptr<CLI::App> define_command_line(Options& options) {
  auto app = std::make_shared<CLI::App>("Remote control of the Drawbridge proxy.", "proxyctl");
  cli::use_house_help(*app);
  app->require_subcommand(1);
  app->add_flag("--json", options.json, "Print the daemon's JSON instead of text for people");
  app->add_option("--socket", options.socket, "The daemon's admin socket")->type_name("PATH");
  app->failure_message(CLI::FailureMessage::simple);
  define_status(*app, options);
  define_mode(*app, options);
  define_cutover(*app, options);
  define_wait(*app, options);
  define_explain(*app, options);
  define_pools(*app, options);
  define_pages(*app, options);
  define_rest(*app, options);
  define_help(*app, options);
  return app;
}

cli::ProgramInfo program_info() {
  cli::ProgramInfo info;
  info.name = "proxyctl";
  info.section = 1;
  info.version = DRAWBRIDGE_VERSION;
  info.summary = "remote control of the Drawbridge proxy";
  info.description =
      "Tells a running proxyd(8) what the public may do with its sites right now, and says what came of it.\n\n"
      "A command that changes something returns when what had to end has ended, and prints a receipt. After mode "
      "readonly or mode maintenance has returned 0, no request reaches a server under the older rules, and all "
      "writes that did have ended, or were given up with --cut and are named in the receipt.";
  info.sections = {
      {"EXIT STATUS",
       "0\tDone.\n1\tRefused or failed; nothing changed, or all was changed back.\n2\tThe command line is wrong.\n"
       "3\tThe daemon cannot be reached; or it was lost after the command was sent, and whether the change was "
       "made, "
       "or how a cutover ended, is not known: the message says so.\n"
       "4\tChanged, but not all has ended well: the drain deadline passed with requests still open, or a write got "
       "no answer from its server, which the receipt names; a watch saw too many errors; or nobody waited for the "
       "end.\n"
       "5\tPermission denied."},
      {"ENVIRONMENT",
       "DRAWBRIDGE_SOCKET\tThe admin socket, where --socket is not given.\n"
       "NO_COLOR\tIf set and not empty, no colours. They are only used on a terminal anyway."},
      {"FILES", "/run/drawbridge/admin.sock\tThe admin socket."},
      {"EXAMPLES",
       "A minute for a schema change, cutting what does not end by itself:\n"
       "  proxyctl mode readonly --for 60s --drain 5s --cut --reason 'schema patch'\n\n"
       "A maintenance page for one site, looked at before:\n"
       "  proxyctl page preview shop --for 10m\n  proxyctl mode maintenance shop --for 10m --reason upgrade\n"
       "  proxyctl mode live shop\n\n"
       "The move of a live site to new servers, with the database promoted in between:\n"
       "  proxyctl cutover shop --to green --drain 10s --run ./promote.sh --check /healthz\n\n"
       "One customer first, then a tenth of all others, then the rest:\n"
       "  proxyctl cutover shop --to green --match header:X-Tenant=acme --run ./copy-acme.sh\n"
       "  proxyctl cutover shop --to green --match 'percent:10 by cookie:sid'\n"
       "  proxyctl cutover shop --to green"},
      {"SEE ALSO", "proxyd(8)"},
  };
  info.values.fixed = {{"MODE", {"live", "readonly", "hold", "maintenance"}},
                       {"SCOPE", {"writes", "all"}},
                       {"CONDITION", {"drained", "live", "mode=readonly", "mode=hold", "mode=maintenance"}},
                       {"FORM", {"html", "json", "text"}},
                       {"METHOD", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}}};
  info.values.asked = {"SITE", "POOL", "ADDRESS"};
  info.values.files = {"PATH"};
  return info;
}

}  // namespace drawbridge::ctl
