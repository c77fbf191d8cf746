#include "tests/unit/admin_bench.h"
#include "tests/unit/raw_unix_client.h"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <unistd.h>

using namespace drawbridge;
using tests::AdminBench;
using tests::RawClient;

namespace {

boost::json::object parsed(const std::string& body) {
  return boost::json::parse(body).as_object();
}

std::string code_of(const ctl::WireReply& reply) {
  CHECK(reply.content_type == "application/problem+json");
  return std::string(parsed(reply.body).at("code").as_string());
}

std::string post_head(const std::string& target, const std::string& body) {
  return "POST " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

const core::ModeCommand& mode_of(const core::Command& command) {
  return std::get<core::ModeCommand>(command.what);
}

}  // namespace

TEST_CASE("a mode command reaches the controller with who asked, and its receipt comes back") {
  AdminBench bench;
  bench.api.answer->epoch = 44;
  bench.api.answer->what = "readonly";
  bench.api.answer->sites = {"shop"};
  const auto reply =
      bench.ask("POST", "/v1/mode",
                R"({"mode":"readonly","sites":["shop"],"for":"10m","cut":true,"reason":"why","if_epoch":43})");
  CHECK(reply.status == 200);
  const auto receipt = parsed(reply.body).at("receipt").as_object();
  CHECK(receipt.at("epoch").as_int64() == 44);
  CHECK(receipt.at("mode").as_string() == "readonly");
  CHECK(receipt.at("result").as_string() == "done");
  REQUIRE(bench.api.commands.size() == 1);
  const auto& command = bench.api.commands[0];
  CHECK(command.actor.uid == ::geteuid());
  CHECK(command.actor.pid == ::getpid());
  CHECK_FALSE(command.actor.name.empty());
  CHECK(command.if_epoch == 43);
  CHECK(mode_of(command).lasts == base::Millis{600'000});
  CHECK(mode_of(command).cut);
  CHECK(mode_of(command).reason == "why");
}

TEST_CASE("progress is streamed as lines, and the receipt is the last of them") {
  AdminBench bench;
  bench.api.progress.resize(2);
  bench.api.progress[0].epoch = 44;
  bench.api.progress[1].stage = control::Stage::draining;
  bench.api.progress[1].open[core::RequestClass::write] = 3;
  std::vector<boost::json::object> lines;
  const auto take = [&](std::string_view line, const ctl::Behind&) {
    lines.push_back(parsed(std::string(line)));
    return true;
  };
  const auto reply = bench.ask("POST", "/v1/mode", R"({"mode":"readonly"})", "application/x-ndjson", take);
  CHECK(reply.content_type == "application/x-ndjson");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("progress").at("stage").as_string() == "published");
  CHECK(lines[1].at("progress").at("open").at("writes").as_int64() == 3);
  CHECK(lines[2].contains("receipt"));
}

TEST_CASE("a refusal before anything was published is an ordinary error, never a stream") {
  AdminBench bench;
  bench.api.answer =
      std::unexpected(control::Refusal{control::RefusalCode::epoch_changed, "the epoch is 43", "", {}, {}});
  const auto reply = bench.ask("POST", "/v1/mode", R"({"mode":"readonly","if_epoch":1})", "application/x-ndjson");
  CHECK(reply.status == 409);
  CHECK(code_of(reply) == "epoch_changed");
}

TEST_CASE("a client that goes away while its change drains leaves the change and the server alone") {
  AdminBench bench;
  bench.api.hold_back = true;
  RawClient client(bench.path);
  client.send(post_head("/v1/mode", R"({"mode":"readonly"})"));
  bench.wait_for([&] { return bench.api.commands.size() == 1; });
  client.hang_up();
  bench.wait_for([&] { return bench.server->sessions() == 0; });
  bench.api.finish();
  CHECK(bench.ask("GET", "/v1/version").status == 200);
}

TEST_CASE("connections that ask nothing give way to who wants to ask something, those that wait do not") {
  admin::ServerOptions options;
  options.connections_max = 4;
  AdminBench bench(options);
  bench.api.hold_wait = true;
  RawClient waiting(bench.path);
  waiting.send(post_head("/v1/wait", R"({"until":"drained"})"));
  bench.wait_for([&] { return bench.server->sessions() == 1; });
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(std::make_unique<RawClient>(bench.path));
  bench.wait_for([&] { return bench.server->sessions() == 4; });
  const auto begun = base::SteadyClock::now();
  for (int i = 0; i < 3; ++i) CHECK(bench.ask("GET", "/v1/version").status == 200);
  CHECK(base::SteadyClock::now() - begun < bench.request_timeout() / 2);
  CHECK(bench.api.cancelled.empty());
}

TEST_CASE("a client that goes away while it waits has its wait cancelled") {
  AdminBench bench;
  bench.api.hold_wait = true;
  RawClient client(bench.path);
  client.send(post_head("/v1/wait", R"({"until":"drained"})"));
  bench.wait_for([&] { return bench.server->sessions() == 1; });
  client.hang_up();
  bench.wait_for([&] { return bench.api.cancelled == std::vector<std::uint64_t>{7}; });
}

TEST_CASE("status tells sites, load and health, of all or of those asked for") {
  AdminBench bench;
  const auto all = parsed(bench.ask("GET", "/v1/status").body);
  CHECK(all.at("sites").as_array().size() == 2);
  const auto one = parsed(bench.ask("GET", "/v1/status?site=shop").body);
  REQUIRE(one.at("sites").as_array().size() == 1);
  CHECK(one.at("sites").at(0).at("in_flight").at("reads").as_int64() == 12);
  CHECK(one.at("pools").at(0).at("servers").at(1).at("health").as_string() == "down");
  CHECK(one.at("pools").at(0).at("servers").at(1).at("admin").as_string() == "drain");
  const auto unknown = bench.ask("GET", "/v1/status?site=shpo");
  CHECK(unknown.status == 404);
  CHECK(code_of(unknown) == "unknown_site");
}

TEST_CASE("status does not hang on a worker that says nothing") {
  AdminBench bench;
  bench.api.load_answers = false;
  const auto status = parsed(bench.ask("GET", "/v1/status").body);
  CHECK(status.at("warnings").as_array().size() == 1);
  CHECK_FALSE(status.at("sites").at(0).as_object().contains("in_flight"));
}

TEST_CASE("every endpoint answers") {
  AdminBench bench;
  bench.api.checks = {{"clock", admin::Health::warn, "late", "set it"}};
  CHECK(parsed(bench.ask("GET", "/v1/version").body).at("program").as_string() == "proxyd");
  CHECK(parsed(bench.ask("GET", "/v1/pools").body).at("pools").as_array().size() == 1);
  CHECK(parsed(bench.ask("GET", "/v1/doctor").body).at("result").as_string() == "warn");
  CHECK(parsed(bench.ask("GET", "/v1/history?site=shop").body).at("entries").at(0).at("user").as_string() ==
        "alice");
  CHECK(bench.ask("GET", "/v1/metrics").body == "drawbridge_up 1\n");
  CHECK(parsed(bench.ask("POST", "/v1/wait", R"({"until":"mode=live"})").body).at("reached").as_bool());
  CHECK(bench.ask("POST", "/v1/reload").status == 200);
  CHECK(bench.ask("POST", "/v1/server", R"({"pool":"blue","address":"127.0.0.1:9001","admin":"drain"})").status ==
        200);
  const auto explained =
      parsed(bench.ask("POST", "/v1/explain", R"({"method":"POST","url":"https://shop.example:443/a?b"})").body);
  CHECK(explained.at("path").as_string() == "/a?b");
  CHECK(explained.at("sentence").as_string() == "POST shop.example");
}

TEST_CASE("a preview is what a visitor would get, asked for either way") {
  AdminBench bench;
  const auto asked = parsed(bench.ask("GET", "/v1/pages/preview?site=shop&reason=soon%20back").body);
  CHECK(asked.at("mode").as_string() == "maintenance");
  CHECK(asked.at("body").as_string() == "<p>maintenance soon back</p>");
  CHECK(asked.at("head").as_string().starts_with("HTTP/1.1 503"));
  const auto posted = parsed(bench.ask("POST", "/v1/pages/preview", R"({"site":"shop","as":"text"})").body);
  CHECK(posted.at("body").as_string() == "closed\n");
  const auto unknown = bench.ask("GET", "/v1/pages/preview?site=shpo");
  CHECK(code_of(unknown) == "unknown_site");
  CHECK(parsed(unknown.body).at("hint").as_string() == "did you mean 'shop'?");
}

TEST_CASE("unknown paths, wrong methods and bad bodies have their own errors") {
  AdminBench bench;
  CHECK(code_of(bench.ask("GET", "/v2/status")) == "not_found");
  CHECK(code_of(bench.ask("DELETE", "/v1/mode")) == "method_not_allowed");
  CHECK(code_of(bench.ask("POST", "/v1/mode", "{")) == "bad_request");
  CHECK(code_of(bench.ask("GET", "/v1/version?x=1")) == "bad_request");
  const auto large = bench.ask("POST", "/v1/mode", std::string(70'000, ' '));
  CHECK(large.status == 413);
  CHECK(bench.api.commands.empty());
}

TEST_CASE("bytes that are no HTTP are answered and the connection is closed") {
  AdminBench bench;
  RawClient client(bench.path);
  client.send("hello\r\n\r\n");
  CHECK(client.read_until("never").starts_with("HTTP/1.1 400"));
}

TEST_CASE("several requests share a connection") {
  AdminBench bench;
  RawClient client(bench.path);
  for (int i = 0; i < 3; ++i) {
    client.send("GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_until("}\n").starts_with("HTTP/1.1 200"));
  }
}

TEST_CASE("events follow as they happen, from where the client left off") {
  AdminBench bench;
  bench.events.info("before");
  bench.events.info("kept", {{"site", "shop"}});
  RawClient client(bench.path);
  client.send("GET /v1/events?after=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto first = client.read_until("\n\n\r\n");
  CHECK(first.find("text/event-stream") != std::string::npos);
  const auto kept = client.read_until("\n\n");
  CHECK(kept.find("event: kept") != std::string::npos);
  CHECK(kept.find("\"site\":\"shop\"") != std::string::npos);
  bench.events.warning("now");
  bench.on_control([&] { bench.server->notify_events(); });
  CHECK(client.read_until("\n\n").find("event: now") != std::string::npos);
}

TEST_CASE("a client that is silent is dropped") {
  admin::ServerOptions options;
  options.request_timeout = base::Millis{50};
  AdminBench bench(options);
  RawClient client(bench.path);
  client.send("GET /v1/sta");
  CHECK(client.read_until("never").empty());
}

TEST_CASE("those who wait or follow leave room for those who command") {
  admin::ServerOptions options;
  options.connections_max = 4;
  AdminBench bench(options);
  RawClient first(bench.path), second(bench.path);
  for (const auto* client : {&first, &second}) {
    client->send("GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    client->read_until("\n\n");
  }
  CHECK(code_of(bench.ask("GET", "/v1/events")) == "busy");
  CHECK(bench.ask("GET", "/v1/status").status == 200);
}
