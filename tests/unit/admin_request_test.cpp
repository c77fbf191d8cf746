#include "proxy/admin/request.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using namespace drawbridge::admin;

namespace {

const base::WallTime noon = *base::parse_time("2026-03-01T12:00:00Z", {});

std::string refusal_of(const std::string& body) {
  const auto parsed = parse_mode_command(body, noon);
  if (parsed) return "accepted";
  CHECK(parsed.error().status == 400);
  CHECK(parsed.error().code == "bad_request");
  return parsed.error().detail;
}

core::ModeCommand mode_of(const std::string& body) {
  const auto parsed = parse_mode_command(body, noon);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().detail));
  return std::get<core::ModeCommand>(parsed->what);
}

}  // namespace

TEST_CASE("a mode body is read whole") {
  const auto command = mode_of(
      R"j({"mode":"maintenance","sites":["a","b"],"until":"13:00","then":"readonly","drain":"0s","cut":true,"reason":"ü"})j");
  CHECK(command.mode == core::Mode::maintenance);
  CHECK(command.sites == std::vector<std::string>{"a", "b"});
  CHECK(base::format_time(*command.until) == "2026-03-01T13:00:00Z");
  CHECK(command.then == core::Mode::readonly);
  CHECK(command.drain_timeout == base::Millis{0});
  CHECK(command.cut);
  CHECK(command.reason == "ü");
  CHECK_FALSE(mode_of(R"({"mode":"live"})").drain_timeout.has_value());
}

TEST_CASE("a hold ends by itself, so what follows can be said without an end") {
  CHECK(mode_of(R"({"mode":"hold","then":"readonly"})").then == core::Mode::readonly);
}

TEST_CASE("cutover and rollback bodies are read whole, and strictly") {
  const auto parsed = parse_cutover_command(
      R"j({"site":"shop","to":"green","hold":"all","drain":"5s","deadline":"20s","run":true,"check":"/ok","cut":true,
           "dry_run":true,"then":"readonly","reason":"move","if_epoch":7})j",
      false);
  REQUIRE(parsed.has_value());
  const auto& command = std::get<core::CutoverCommand>(parsed->what);
  CHECK(command.to == "green");
  CHECK(command.hold == core::HoldScope::all);
  CHECK(command.deadline == base::Millis{20'000});
  CHECK((command.run && command.cut && command.dry_run && !command.rollback));
  CHECK(command.then == core::Mode::readonly);
  CHECK(parsed->if_epoch == 7);
  CHECK_FALSE(parse_cutover_command(R"({"site":"shop"})", false).has_value());
  CHECK_FALSE(parse_cutover_command(R"({"site":"shop","to":"green","errors_max":"5"})", false).has_value());
  CHECK_FALSE(parse_cutover_command(R"({"site":"shop","to":"green","errors_max":"101%"})", false).has_value());
  const auto watched = parse_cutover_command(
      R"({"site":"shop","to":"green","watch":"30s","errors_max":"0.5%","return_on_errors":true})", false);
  REQUIRE(watched.has_value());
  CHECK(std::get<core::CutoverCommand>(watched->what).watch == base::Millis(30'000));
  CHECK(std::get<core::CutoverCommand>(watched->what).errors_max == 0.005);
  CHECK_FALSE(parse_cutover_command(R"({"site":"shop","to":"green"})", true).has_value());
  const auto back = parse_cutover_command(R"({"site":"shop","discard_writes":true})", true);
  REQUIRE(back.has_value());
  CHECK(std::get<core::CutoverCommand>(back->what).discard_writes);
  CHECK_FALSE(parse_run_ended(R"({"site":"shop","id":4})").has_value());
  CHECK_FALSE(parse_run_ended(R"({"site":"shop","id":4,"exit_code":256})").has_value());
  CHECK(parse_run_ended(R"({"site":"shop","id":4,"exit_code":3})")->exit_code == 3);
  CHECK(parse_run_ended(R"({"site":"shop","id":4,"exit_code":0,"output":"a\n\tb\n"})")->output == "a\n\tb\n");
  CHECK_FALSE(parse_run_ended(R"({"site":"shop","id":4,"exit_code":0,"output":"\u001b[2J"})").has_value());
}

TEST_CASE("what a mode body must not say is refused with the key it is about") {
  struct Row {
    const char* body;
    const char* says;
  };
  const Row rows[] = {
      {"", "the body is empty"},
      {"{", "not JSON"},
      {"[]", "no object"},
      {R"({"mode":"live"} x)", "not JSON"},
      {"{}", "'mode' is missing"},
      {R"({"mode":""})", "'mode' is missing"},
      {R"({"mode":5})", "'mode' must be a string"},
      {R"({"mode":"hold","scope":"some"})", "'scope' is writes or all"},
      {R"({"mode":"Live"})", "no mode 'Live'"},
      {R"({"mode":"readonly","drian":"5s"})", "unknown key 'drian'; did you mean 'drain'?"},
      {R"({"mode":"readonly","colour":"red"})",
       "unknown key 'colour'; there are: mode, sites, for, until, scope, then, drain, cut, reason, if_epoch"},
      {R"({"mode":"readonly","sites":"shop"})", "'sites' must be a list"},
      {R"({"mode":"readonly","sites":[1]})", "'sites' must be a list"},
      {R"({"mode":"readonly","sites":[""]})", "'sites' must be a list"},
      {R"({"mode":"readonly","for":60})", "'for' must be a string"},
      {R"({"mode":"readonly","for":"60"})", "'for': "},
      {R"({"mode":"readonly","for":"0s"})", "'for' must be longer"},
      {R"({"mode":"readonly","for":"1m","until":"13:00"})", "'for' and 'until'"},
      {R"({"mode":"readonly","until":""})", "'until': "},
      {R"({"mode":"readonly","until":"noon"})", "'until': "},
      {R"({"mode":"readonly","then":"live"})", "'then' needs"},
      {R"({"mode":"live","for":"1m"})", "live stays"},
      {R"({"mode":"live","cut":true})", "'cut' does not go"},
      {R"({"mode":"readonly","cut":"yes"})", "'cut' must be true or false"},
      {R"({"mode":"readonly","if_epoch":-1})", "'if_epoch' must be a whole number"},
      {R"({"mode":"readonly","if_epoch":1.5})", "'if_epoch' must be a whole number"},
      {R"({"mode":"readonly","if_epoch":"1"})", "'if_epoch' must be a whole number"},
      {"{\"mode\":\"readonly\",\"reason\":\"a\\u001b[2J\"}", "'reason' holds control characters"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.body);
    const auto refusal = refusal_of(row.body);
    CHECK_MESSAGE(refusal.find(row.says) != std::string::npos, refusal);
  }
  CHECK(refusal_of(R"({"mode":"readonly","reason":")" + std::string(501, 'a') + "\"}").find("500") !=
        std::string::npos);
  CHECK(refusal_of(std::string(60'000, '[')).find("not JSON") != std::string::npos);
}

TEST_CASE("a server body takes three words") {
  for (const char* word : {"ready", "drain", "disabled"}) {
    CHECK(parse_server_command(R"({"pool":"p","address":"a:1","admin":")" + std::string(word) + "\"}").has_value());
  }
  CHECK_FALSE(parse_server_command(R"({"pool":"p","address":"a:1","admin":"disable"})").has_value());
  CHECK_FALSE(parse_server_command(R"({"pool":"p","admin":"drain"})").has_value());
}

TEST_CASE("a wait body takes drained, live or mode=MODE") {
  CHECK(parse_wait(R"({"until":"drained"})")->until == control::WaitFor::Until::drained);
  CHECK(parse_wait(R"({"until":"mode=readonly","timeout":"5s"})")->mode == core::Mode::readonly);
  CHECK(parse_wait(R"({"until":"live","timeout":"5s"})")->timeout == base::Millis{5'000});
  CHECK_FALSE(parse_wait(R"({"until":"mode=x"})").has_value());
  CHECK_FALSE(parse_wait(R"({"until":"dry"})").has_value());
  CHECK_FALSE(parse_wait("{}").has_value());
}

TEST_CASE("reload needs no body") {
  CHECK(parse_reload_command("").has_value());
  CHECK(parse_reload_command(R"({"if_epoch":3})")->if_epoch == 3);
  CHECK_FALSE(parse_reload_command(R"({"force":true})").has_value());
}

TEST_CASE("a URL to explain is taken apart as a request would be") {
  struct Row {
    const char* url;
    const char* host;
    const char* target;
  };
  const Row rows[] = {
      {"https://shop.example/a?b#c", "shop.example", "/a?b"},
      {"http://shop.example:8080", "shop.example", "/"},
      {"shop.example/a", "shop.example", "/a"},
      {"/a/%2e%2e/b", "", "/a/%2e%2e/b"},
      {"HTTPS://[::1]:443/x", "[::1]", "/x"},
      {"https://shop.example?x", "shop.example", "/?x"},
      {"/go?to=https://other.example/", "", "/go?to=https://other.example/"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.url);
    const auto parsed = parse_explained("GET", row.url, {});
    REQUIRE(parsed.has_value());
    CHECK(parsed->host == row.host);
    CHECK(parsed->target == row.target);
  }
  CHECK(parse_explained("GET", "https://a/x", {"Host: b"})->host == "b");
  CHECK(parse_explained("GET", "/", {"X-A:  b "})->fields[0].second == "b");
  CHECK_FALSE(parse_explained("G T", "/", {}).has_value());
  CHECK_FALSE(parse_explained("GET", "ftp://a/", {}).has_value());
  CHECK_FALSE(parse_explained("GET", "https://a b/", {}).has_value());
  CHECK_FALSE(parse_explained("GET", "/", {"no colon"}).has_value());
}

TEST_CASE("queries are decoded, and nothing unknown or double passes") {
  const auto filter = [](const char* text) {
    const auto target = parse_target(text);
    return target ? parse_site_filter(*target) : Parsed<std::vector<std::string>>(std::unexpected(target.error()));
  };
  CHECK(filter("/v1/status?site=a%2Fb&site=c") == std::vector<std::string>{"a/b", "c"});
  CHECK(filter("/v1/status")->empty());
  for (const char* text :
       {"/v1/status?sites=a", "/v1/status?site=", "/v1/status?site=%zz", "/v1/status?site=%0a", "/x?%"}) {
    CAPTURE(text);
    CHECK_FALSE(filter(text).has_value());
  }
  CHECK(parse_history(*parse_target("/v1/history?site=a&limit=5"))->count == 5);
  CHECK(parse_history(*parse_target("/v1/history?limit=999999"))->count == 1'000);
  CHECK_FALSE(parse_history(*parse_target("/v1/history?limit=0")).has_value());
  CHECK_FALSE(parse_history(*parse_target("/v1/history?site=a&site=b")).has_value());
  CHECK(*parse_events(*parse_target("/v1/events?after=7"), "") == 7);
  CHECK(*parse_events(*parse_target("/v1/events?after=7"), "9") == 9);
  CHECK_FALSE(parse_events(*parse_target("/v1/events"), "")->has_value());
  CHECK_FALSE(parse_events(*parse_target("/v1/events?after=x"), "").has_value());
}

TEST_CASE("previews are asked for in modes and forms that visitors meet") {
  const auto asked = parse_preview(*parse_target("/v1/pages/preview?site=shop&as=json&mode=readonly&for=5m"));
  REQUIRE(asked.has_value());
  CHECK(asked->form == core::AnswerForm::problem_json);
  CHECK(asked->mode == core::Mode::readonly);
  CHECK(asked->lasts == base::Millis{300'000});
  CHECK(parse_preview(R"({"site":"shop"})").has_value());
  CHECK_FALSE(parse_preview(R"({"site":"shop","as":"pdf"})").has_value());
  CHECK_FALSE(parse_preview(R"({"site":"shop","mode":"live"})").has_value());
  CHECK_FALSE(parse_preview("{}").has_value());
  CHECK_FALSE(parse_preview(*parse_target("/v1/pages/preview")).has_value());
}
