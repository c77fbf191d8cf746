#include "proxy/ctl/run_cutover.h"

#include "proxy/ctl/command_look.h"
#include "proxy/ctl/document.h"
#include "proxy/ctl/keeper.h"
#include "proxy/ctl/operator_command.h"
#include "proxy/ctl/print.h"
#include "proxy/ctl/wire.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <csignal>
#include <optional>
#include <string>

namespace drawbridge::ctl {

namespace json = boost::json;

namespace {

constexpr base::Millis noticed_after{1'000};
constexpr base::Millis word_patience{5'000};
constexpr const char* line_ended = "proxyctl: proxyd no longer waits for the command: it was told to end\n";
constexpr const char* given_up =
    "proxyctl: the cutover is given up, and the command told to end; writes wait until nothing of it runs\n";

// What the stream has told so far.
struct Followed {
  std::string last_line;
  std::string stage;       // the last one told; empty: none
  std::string watched_on;  // the new pool, once it is watched
};

// The rule is: as long as something of a command may still act on the new side, writes wait.
std::string print_goes_on(const std::string& names, bool by_us) {
  return fmt::format(
      "proxyctl: {}: {}; SIGKILL follows in {}s{}\n",
      by_us ? "it does not end" : "the command failed, and what it left running does not end when told to", names,
      std::chrono::floor<std::chrono::seconds>(Keeper::last_wait).count(),
      by_us ? "" : "; writes wait until nothing of it runs");
}

std::expected<WireReply, WireFailure> say_end(const std::string& socket, const json::object& progress,
                                              int exit_code, bool stopped, const std::string& output) {
  const json::object body{{"site", text(progress, "site")},
                          {"id", number(progress, "id")},
                          {"exit_code", exit_code},
                          {"stopped", stopped},
                          {"output", output}};
  return exchange(socket, {"POST", "/v1/cutover/continue", json::serialize(body), "", word_patience}, {});
}

CommandEnd run_command(const Options& options, const Console& console, const json::object& progress,
                       int descriptor) {
  OperatorCommand command{
      .text = options.run,
      .environment = {},
      .limit = base::Millis{number(progress, "left_ms")},
      .line = descriptor,
      .quiet_output = options.json,
      .last_word = [&](int code) { (void)say_end(options.socket, progress, code, true, {}); },
      .told_to_end = [&](bool hung_up) { console.error(hung_up ? line_ended : given_up); },
      .goes_on = [&](const std::string& names, bool by_us) { console.error(print_goes_on(names, by_us)); }};
  const json::object& environment = object_in(progress, "env");
  for (const auto& variable : environment) {
    const std::string name(variable.key().data(), variable.key().size());
    command.environment.emplace_back(name, text(environment, name));
  }
  return run_operator_command(command);
}

// JSON carries UTF-8; a command may print anything, and its tail may begin inside a character.
std::string printable(const std::string& output) {
  std::string out;
  for (const char c : output) out += (c >= ' ' && c < 0x7f) || c == '\n' || c == '\t' ? c : '?';
  return out;
}

// proxyd is told of no end that is not certain: at its deadline it gives up, and waits a little longer.
std::string print_runs_on(const json::object& progress, const CommandEnd& ended) {
  auto text = ended.survivors.empty()
                  ? std::string("proxyctl: what ran the command was killed: something of the command may run on\n")
                  : fmt::format("proxyctl: not even SIGKILL ended {}\n", ended.survivors);
  if (ended.line_ended) return text;
  return text + fmt::format(
                    "Writes wait until eight seconds after the deadline, unless you see that nothing of it "
                    "runs, and say so:\n  proxyctl cutover {} --abort --now\n",
                    ctl::text(progress, "site"));
}

std::string print_end(const CommandEnd& ended, int exit_code) {
  auto text = fmt::format("proxyctl: the command ended with {}", exit_code);
  if (ended.ran_on > noticed_after) {
    text +=
        fmt::format(", {} after it was told to: see what it did meanwhile", base::describe_duration(ended.ran_on));
  }
  return text + "\n";
}

// If the word is not taken the stream says how it ends, later.
void tell_end(const Options& options, const Console& console, const json::object& progress,
              const CommandEnd& ended) {
  if (ended.exit_code) console.error(print_end(ended, *ended.exit_code));
  if (!ended.exit_code || !ended.survivors.empty()) return console.error(print_runs_on(progress, ended));
  if (ended.line_ended) return;
  const auto reply = say_end(options.socket, progress, *ended.exit_code, ended.was_told, printable(ended.output));
  if (!reply) return console.error(fmt::format("proxyctl: {}\n", reply.error().message));
  if (reply->status == 200 || ended.was_told) return;
  console.error("proxyctl: " + print_problem(parse_object(reply->body).value_or(json::object{}), {}));
}

void follow(const Options& options, const Console& console, const json::object& progress, const Behind& behind,
            Followed& followed) {
  followed.stage = text(progress, "stage");
  if (followed.stage == "watch") {
    followed.watched_on = text(progress, "to");
    if (console.transaction) console.transaction(true);
  }
  if (followed.stage != "run") {
    if (console.progress) console.progress(print_cutover_progress(progress));
    return;
  }
  if (console.progress) console.progress("");
  if (const auto& earlier = object_in(progress, "earlier_unknown"); !earlier.empty()) {
    console.error(fmt::format("proxyctl: {}; see: proxyctl status\n", print_earlier(earlier)));
  }
  if (const auto lost = text(progress, "before_restart"); !lost.empty()) {
    console.error(fmt::format("proxyctl: {}\n", lost));
  }
  if (const auto open = print_open_at_run(progress, console.look); !open.empty()) {
    console.error("proxyctl: " + open);
  }
  const bool is_given_up = is_over(behind.read);
  if (!is_given_up) console.error(fmt::format("proxyctl: held and drained; running: {}\n", options.run));
  // A terminal takes its time: meanwhile more may have been said.
  if (is_given_up || is_over(behind.descriptor)) {
    console.error("proxyctl: the cutover is given up before the command was begun\n");
    (void)say_end(options.socket, progress, Keeper::not_started, true, {});
    return;
  }
  tell_end(options, console, progress, run_command(options, console, progress, behind.descriptor));
}

Exit tell_refusal(const Options& options, const Console& console, const json::object& problem,
                  const std::string& body) {
  if (options.json) console.out(body);
  console.error("proxyctl: " + print_problem(problem, {}));
  if (text(problem, "code") == "permission_denied") return Exit::denied;
  return text(problem, "code") == "shutting_down" ? Exit::unreachable : Exit::refused;
}

// The end is not known: without us the daemon goes back, unless the flip was made already; a watch it ends itself.
Exit tell_lost(const Console& console, const std::string& why, const Followed& followed) {
  console.error(fmt::format("proxyctl: {}\n", why));
  const auto* look = "Look with:\n  proxyctl status\n  proxyctl history\n";
  if (!followed.watched_on.empty()) {
    console.error(
        fmt::format("The cutover to {} was made; how its watch ends is not known. {}", followed.watched_on, look));
    return Exit::undrained;
  }
  console.error(
      fmt::format("The end of the cutover is not known{}. A cutover that has not flipped goes back by itself, "
                  "at its deadline, or eight seconds later if its command ran. {}",
                  followed.stage.empty() ? "" : "; its last known stage is " + followed.stage, look));
  return Exit::unreachable;
}

Exit tell_receipt(const Options& options, const Console& console, const json::object& last,
                  const std::string& line) {
  const json::object& receipt = object_in(last, "receipt");
  if (options.json) {
    console.out(line + "\n");
  } else {
    console.out(print_cutover(receipt, console.look));
  }
  const std::string result = text(receipt, "result");
  if (result == "failed_back" || result == "returned" || result == "superseded") return Exit::refused;
  return result == "watch_failed" ? Exit::undrained : Exit::done;
}

Exit tell_failure(const Console& console, const WireFailure& failure, const Followed& followed) {
  if (failure.kind == WireFailure::Kind::broken && failure.sent)
    return tell_lost(console, failure.message, followed);
  console.error(fmt::format("proxyctl: {}\n", failure.message));
  return failure.kind == WireFailure::Kind::forbidden ? Exit::denied : Exit::unreachable;
}

}  // namespace

Exit run_cutover(const Options& options, const Console& console) {
  const auto look = look_at_command(options.run);
  if (!look.problem.empty()) console.error(fmt::format("proxyctl: --run: {}\n", look.problem));
  if (look.is_certain) {
    console.error("Nothing was sent, and nobody was made to wait\n");
    return Exit::usage;
  }
  std::signal(SIGPIPE, SIG_IGN);  // who does not read what we print must not end us in the midst of a hold
  Followed followed;
  const auto on_line = [&](std::string_view line, const Behind& behind) {
    if (line.empty()) return true;
    followed.last_line = line;
    const auto object = parse_object(line);
    if (object && object->contains("progress")) {
      follow(options, console, object_in(*object, "progress"), behind, followed);
    }
    return true;
  };
  if (console.transaction) console.transaction(false);
  const auto reply = exchange(options.socket, make_request(options), on_line);
  if (console.progress) console.progress("");
  if (!reply) return tell_failure(console, reply.error(), followed);
  if (followed.last_line.empty()) followed.last_line = reply->body.substr(0, reply->body.find('\n'));
  const auto last = parse_object(followed.last_line);
  if (last && reply->status != 200) return tell_refusal(options, console, *last, reply->body);
  if (last && last->contains("receipt")) return tell_receipt(options, console, *last, followed.last_line);
  if (last && last->contains("error")) {
    return tell_refusal(options, console, object_in(*last, "error"), followed.last_line + "\n");
  }
  return tell_lost(console, "the answer ended without a receipt", followed);
}

}  // namespace drawbridge::ctl
