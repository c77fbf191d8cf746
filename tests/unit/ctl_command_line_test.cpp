#include "proxy/ctl/command_line.h"
#include "proxy/ctl/wire.h"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <variant>
#include <vector>

using namespace drawbridge::ctl;
using drawbridge::cli::HelpTopic;

namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

WireRequest request_of(const Words& words) {
  const auto parsed = parse_command_line(words, "/run/x.sock");
  const auto* stop = std::get_if<Stop>(&parsed);
  REQUIRE_MESSAGE(stop == nullptr, (stop != nullptr ? stop->text : ""));
  return make_request(std::get<Options>(parsed));
}

Stop stop_of(const Words& words) {
  const auto parsed = parse_command_line(words, "/run/x.sock");
  REQUIRE(std::holds_alternative<Stop>(parsed));
  return std::get<Stop>(parsed);
}

}  // namespace

TEST_CASE("each command line becomes its request") {
  struct Row {
    const char* line;
    const char* target;
    const char* body;
  };
  const Row rows[] = {
      {"status", "/v1/status", ""},
      {"status shop search", "/v1/status?site=shop&site=search", ""},
      {"mode readonly", "/v1/mode", R"({"mode":"readonly"})"},
      {"mode readonly shop --for 60s --drain 5s --cut --then live", "/v1/mode",
       R"({"mode":"readonly","sites":["shop"],"for":"60s","then":"live","drain":"5s","cut":true})"},
      {"mode hold shop --then readonly", "/v1/mode", R"({"mode":"hold","sites":["shop"],"then":"readonly"})"},
      {"mode --reason patch maintenance --until 02:00 shop", "/v1/mode",
       R"({"mode":"maintenance","sites":["shop"],"until":"02:00","reason":"patch"})"},
      {"mode live --if-epoch 7", "/v1/mode", R"({"mode":"live","if_epoch":7})"},
      {"wait shop --until mode=readonly --timeout 5s", "/v1/wait",
       R"({"until":"mode=readonly","sites":["shop"],"timeout":"5s"})"},
      {"explain POST https://x/a?b -H A:1 -H B:2", "/v1/explain",
       R"({"method":"POST","url":"https://x/a?b","headers":["A:1","B:2"]})"},
      {"explain -H A:1 GET /", "/v1/explain", R"({"method":"GET","url":"/","headers":["A:1"]})"},
      {"pool", "/v1/pools", ""},
      {"pool list", "/v1/pools", ""},
      {"server drain blue 127.0.0.1:9001", "/v1/server",
       R"({"pool":"blue","address":"127.0.0.1:9001","admin":"drain"})"},
      {"server drain blue a:1 --drain 5s", "/v1/server",
       R"({"pool":"blue","address":"a:1","admin":"drain","drain":"5s"})"},
      {"server ready blue a:1 --reason ok", "/v1/server",
       R"({"pool":"blue","address":"a:1","admin":"ready","reason":"ok"})"},
      {"server disable blue a:1", "/v1/server", R"({"pool":"blue","address":"a:1","admin":"disabled"})"},
      {"page preview shop --as json --for 10m", "/v1/pages/preview", R"({"site":"shop","as":"json","for":"10m"})"},
      {"cutover shop --to green", "/v1/cutover", R"({"site":"shop","to":"green"})"},
      {"cutover shop --to green --hold all --drain 5s --deadline 20s --run x --check /ok --cut --dry-run --then "
       "live",
       "/v1/cutover",
       R"({"site":"shop","to":"green","hold":"all","drain":"5s","deadline":"20s","check":"/ok","then":"live",)"
       R"("run":true,"cut":true,"dry_run":true})"},
      {"rollback shop --discard-writes --if-epoch 7", "/v1/rollback",
       R"({"site":"shop","discard_writes":true,"if_epoch":7})"},
      {"history", "/v1/history", ""},
      {"history shop --last 5 --json", "/v1/history?site=shop&limit=5", ""},
      {"events", "/v1/events", ""},
      {"events --after 0", "/v1/events?after=0", ""},
      {"reload", "/v1/reload", "{}"},
      {"doctor", "/v1/doctor", ""},
      {"version", "/v1/version", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    const auto request = request_of(split(row.line));
    CHECK(request.target == row.target);
    CHECK(request.body == row.body);
    CHECK(request.method == (request.body.empty() ? "GET" : "POST"));
  }
}

TEST_CASE("what all commands take may stand before or behind the command") {
  for (const char* line :
       {"--json --socket /s mode live", "mode live --json --socket /s", "mode --socket=/s live --json"}) {
    CAPTURE(line);
    const auto parsed = parse_command_line(split(line), "/run/x.sock");
    REQUIRE(std::holds_alternative<Options>(parsed));
    CHECK(std::get<Options>(parsed).json);
    CHECK(std::get<Options>(parsed).socket == "/s");
  }
}

TEST_CASE("a mistake ends with exit code 2 and says what was meant") {
  struct Row {
    const char* line;
    const char* says;
  };
  const Row rows[] = {
      {"", "a command is missing"},
      {"--sokcet x status", "no option '--sokcet' before the command; did you mean '--socket'?"},
      {"--reason x mode live", "no option '--reason' before the command"},
      {"--socket x staus", "no command 'staus'; did you mean 'status'?"},
      {"mode readonly --for 400d", "--for '400d': '400d' is longer than 366d"},
      {"staus", "no command 'staus'; did you mean 'status'?"},
      {"moed readonly", "did you mean 'mode'?"},
      {"--socket /s hsitory", "did you mean 'history'?"},
      {"server dran blue a:1", "no command 'server dran'; did you mean 'drain'?"},
      {"server", "server what? drain, ready or disable"},
      {"page", "page what? preview"},
      {"mode", "MODE is missing"},
      {"mode readnly", "did you mean 'readonly'?"},
      {"mode readonly --scope all", "--scope belongs to hold"},
      {"mode hold --scope some", "no scope 'some'"},
      {"mode readonly --resaon x", "no option '--resaon'; did you mean '--reason'?"},
      {"mode readonly --resaon=x", "no option '--resaon'; did you mean '--reason'?"},
      {"mode readonly --for 10", "is not a duration"},
      {"mode readonly --for", "--for"},
      {"mode readonly --until noon", "--until 'noon'"},
      {"mode readonly --for 1m --until 02:00", "--"},
      {"mode readonly --then live", "--then needs --for or --until"},
      {"mode live --for 1m", "live stays until it is changed"},
      {"mode live --cut", "nothing has to end for live"},
      {"mode readonly --if-epoch x", "--if-epoch: 'x' is not a whole number above 0\n"},
      {"mode readonly --if-epoch -1", "--if-epoch: '-1' is not a whole number"},
      {"mode readonly --if-epoch 99999999999999999999999", "is not a whole number"},
      {"history --last -1", "--last: '-1' is not a whole number"},
      {"history --last 0", "--last: '0' is not a whole number above 0"},
      {"wait shop", "--until is missing"},
      {"wait --until drainde", "did you mean 'drained'?"},
      {"explain GET", "URL is missing"},
      {"server drain blue", "ADDRESS is missing"},
      {"server drain blue a:1 b:1", "unexpected argument 'b:1'"},
      {"page preview shop --as pdf", "no form 'pdf'"},
      {"page preview shop --mode live", "no mode 'live'"},
      {"history a b", "unexpected argument 'b'"},
      {"cutover shop --tooo green", "no option '--tooo'; did you mean '--to'?"},
      {"rollback shop --reson x", "no option '--reson'; did you mean '--reason'?"},
      {"page preview shop --forr=10m web", "no option '--forr'"},
      {"cutover shop forum --to green", "unexpected argument 'forum'"},
      {"cutover shop --to green --watch 0s", "--watch must be longer than nothing"},
      {"cutover shop --to green --watch", "--watch"},
      {"doctor now", "unexpected argument 'now'"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    const auto stop = stop_of(split(row.line));
    CHECK(stop.exit_code == 2);
    CHECK_MESSAGE(stop.text.find(row.says) != std::string::npos, stop.text);
    CHECK(stop.text.starts_with("proxyctl: "));
  }
}

TEST_CASE("an option with an empty value is a variable that was not set, not an option left out") {
  CHECK(stop_of({"mode", "readonly", "--for", ""}).text.find("--for is empty") != std::string::npos);
  CHECK(stop_of({"mode", "readonly", ""}).exit_code == 2);
  CHECK(stop_of({"server", "drain", "blue", ""}).exit_code == 2);
  CHECK(request_of({"mode", "live", "--reason", ""}).body == R"({"mode":"live"})");
}

TEST_CASE("help is no mistake and hides what is not for people") {
  for (const char* line : {"--help", "mode --help", "server drain -h"}) {
    CAPTURE(line);
    const auto stop = stop_of(split(line));
    CHECK(stop.exit_code == 0);
    CHECK(stop.text.find("Usage: proxyctl") != std::string::npos);
    CHECK(stop.text.find("--names") == std::string::npos);
  }
}

TEST_CASE("manual and completions know every command") {
  for (const auto topic : {HelpTopic::manual, HelpTopic::completion_bash, HelpTopic::completion_zsh}) {
    const std::string text = help_text(topic);
    for (const char* word : {"status", "mode", "wait", "explain", "pool", "server", "preview", "history", "events",
                             "reload", "doctor", "version", "reason", "socket", "cutover", "rollback"}) {
      CAPTURE(word);
      CHECK(text.find(word) != std::string::npos);
    }
    if (topic == HelpTopic::completion_bash) CHECK(text.find("writes all") != std::string::npos);
    for (const char* word : {"help --names SITE |"}) CHECK(text.find(word) == std::string::npos);
  }
}
