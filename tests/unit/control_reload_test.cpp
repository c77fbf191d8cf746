#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace drawbridge;
using control::RefusalCode;
using core::Mode;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

std::string without(const std::string& text, const std::string& from, const std::string& to = "") {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return std::string(text).replace(at, from.size(), to);
}

// The file says another pool and another mode for the shop.
std::string edited_shop() {
  auto edited = ControlRoom::default_config;
  const auto shop = edited.find("[site.shop]");
  return edited.replace(edited.find("pool = \"blue\"", shop), 13, "pool = \"green\"\nmode = \"maintenance\"");
}

const std::string forum_section = R"([site.forum]
hosts = ["forum.example"]
pool = "blue"
drain = { timeout = "10s", tunnel_spread = "2s" }
)";

}  // namespace

TEST_CASE("a reload brings new sites and rules and keeps the modes of the old ones") {
  StartedRoom room;
  room.mode(Mode::readonly, {"shop"});
  const auto shop = room.view("shop").id;
  const auto forum = room.view("forum").id;
  room.set_config(ControlRoom::default_config + R"(
[site.blog]
hosts = ["blog.example"]
pool = "green"
mode = "maintenance"
)");
  int published = 0;
  room.controller().on_published([&](const auto& snapshot, const auto& config) {
    ++published;
    CHECK(snapshot.sites.size() == 3);
    CHECK(config.sites.size() == 3);
  });
  const auto answer = room.settled(room.reload());
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().what == "reload");
  CHECK(published == 1);
  CHECK(room.mode_of("shop") == Mode::readonly);
  CHECK(room.mode_of("blog") == Mode::maintenance);
  CHECK(room.view("shop").id == shop);
  CHECK(room.view("forum").id == forum);
  CHECK(room.view("blog").id != shop);
}

TEST_CASE("a configuration with errors changes nothing and comes back with all of them") {
  StartedRoom room;
  const auto epoch = room.controller().current().epoch;
  room.set_config(
      without(ControlRoom::default_config, "servers = [\"127.0.0.1:9101\"]", "serves = 1\nbalanse = 2"));
  const auto answer = room.settled(room.reload());
  REQUIRE(answer->done.has_value());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::config_invalid);
  CHECK(answer->refusal().problems.size() >= 2);
  CHECK(room.controller().current().epoch == epoch);
}

TEST_CASE("a reload that needs a restart is refused and names the keys") {
  StartedRoom room;
  room.set_config(without(ControlRoom::default_config, "127.0.0.1:8080", "127.0.0.1:8081"));
  const auto answer = room.settled(room.reload());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::needs_restart);
  CHECK(answer->refusal().keys == std::vector<std::string>{"listener"});
}

TEST_CASE("a configuration without an active pool is refused by reload and by start") {
  StartedRoom room;
  auto text = ControlRoom::default_config;
  for (int i = 0; i < 2; ++i) text = without(text, "pool = \"blue\"", "pool = \"green\"");
  text = without(text, "[pool.blue]", "[pool.red]");
  room.set_config(text);
  const auto answer = room.settled(room.reload());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::refused);
  CHECK(answer->refusal().message.find("active pool 'blue'") != std::string::npos);
  room.stop();
  const auto started = room.start();
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().message.find("active pool 'blue'") != std::string::npos);
}

TEST_CASE("a site that leaves the configuration and comes back is in the mode it was in") {
  StartedRoom room;
  room.mode(Mode::maintenance, {"forum"});
  room.set_config(without(ControlRoom::default_config, forum_section));
  CHECK(room.reload() != nullptr);
  room.alarms.settle();
  CHECK(room.workers->snapshot()->sites.size() == 1);
  CHECK(room.has_event("site_kept"));
  room.restart();
  CHECK(room.workers->snapshot()->sites.size() == 1);
  room.set_config(ControlRoom::default_config);
  const auto back = room.settled(room.reload());
  REQUIRE(back->is_receipt());
  CHECK(room.mode_of("forum") == Mode::maintenance);
}

TEST_CASE("a reload that cannot be stored changes nothing") {
  StartedRoom room;
  room.set_config(without(ControlRoom::default_config, forum_section));
  room.files.fail_after(0, true);
  const auto answer = room.settled(room.reload());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::not_stored);
  CHECK(room.workers->snapshot()->sites.size() == 2);
  CHECK(room.controller().config().sites.size() == 2);
}

TEST_CASE("what operators wanted of a server that is gone is dropped") {
  StartedRoom room;
  room.submit(
      {.what =
           core::ServerCommand{
               .pool = "blue", .address = "127.0.0.1:9002", .admin = core::ServerAdmin::disabled, .reason = ""},
       .if_epoch = {},
       .actor = {}});
  room.set_config(without(ControlRoom::default_config, ", \"127.0.0.1:9002\""));
  room.settled(room.reload());
  CHECK(room.has_event("server_state_dropped"));
  room.set_config(ControlRoom::default_config);
  room.settled(room.reload());
  CHECK(room.view("shop").pool->servers[1].admin == core::ServerAdmin::ready);
}

TEST_CASE("limits, time-outs, trusted proxies and bounds of pools reach the data path, also by a reload") {
  const std::string settings = R"(
[limits]
request_head_bytes = "20KiB"
request_line_bytes = "2KiB"
request_headers = 30
request_body_bytes = "1MiB"
response_head_bytes = "10KiB"
[timeouts]
request_head = "3s"
client_idle = "4s"
client_body = "5s"
tunnel_idle = "6s"
upstream_connect = "7s"
upstream_head = "8s"
upstream_body = "9s"
upstream_idle = "2s"
[pool.red]
servers = [{ address = "127.0.0.1:9301", weight = 3, max_connections = 17 }]
idle_connections = 5
)";
  StartedRoom room;
  room.set_config(
      without(ControlRoom::default_config, "[[listener]]", "trusted_proxies = [\"192.0.2.0/24\"]\n[[listener]]") +
      settings);
  room.settled(room.reload());
  const auto& snapshot = *room.workers->snapshot();
  const auto& bounds = snapshot.bounds;
  CHECK(bounds.head.head_bytes_max == 20 * 1024);
  CHECK(bounds.head.line_bytes_max == 2 * 1024);
  CHECK(bounds.head.headers_max == 30);
  CHECK(bounds.request_body_bytes_max == 1024 * 1024);
  CHECK(bounds.response_head_bytes_max == 10 * 1024);
  CHECK(bounds.head_timeout == base::Millis(3'000));
  CHECK(bounds.idle_timeout == base::Millis(4'000));
  CHECK(bounds.body_timeout == base::Millis(5'000));
  CHECK(bounds.tunnel_idle_timeout == base::Millis(6'000));
  CHECK(snapshot.trusted.contains(*http::parse_ip("192.0.2.7")));
  CHECK_FALSE(snapshot.trusted.contains(*http::parse_ip("192.0.3.7")));
  const auto& red = **std::ranges::find_if(snapshot.pools, [](const auto& pool) { return pool->name == "red"; });
  CHECK(red.timing.connect == base::Millis(7'000));
  CHECK(red.timing.head == base::Millis(8'000));
  CHECK(red.timing.body == base::Millis(9'000));
  CHECK(red.timing.idle == base::Millis(2'000));
  CHECK(red.idle_connections_max == 5);
  CHECK(red.servers.front().weight == 3);
  CHECK(red.servers.front().max_connections == 17);
}

TEST_CASE("an edited pool or mode of a site that runs is no silent nothing") {
  StartedRoom room;
  const auto edited = edited_shop();
  const auto reload = [&](const std::string& text) {
    room.set_config(text);
    const auto answer = room.settled(room.reload());
    REQUIRE(answer->is_receipt());
    return answer->receipt().warning;
  };
  const auto warnings = [&] { return room.controller().status().warnings; };
  const auto said = reload(edited);
  CHECK(
      said.contains("the file says pool green for shop, which stays on blue: `proxyctl cutover shop --to green`"));
  CHECK(said.contains("the file says mode maintenance for shop, which stays live as since "));
  CHECK(room.has_event("file_not_followed"));
  CHECK(warnings().size() == 2);
  CHECK(room.mode_of("shop") == Mode::live);
  room.settled(room.mode(Mode::maintenance, {"shop"}));
  CHECK(warnings().size() == 1);
  room.settled(room.mode(Mode::live, {"shop"}));
  CHECK(warnings().size() == 1);                       // it was followed once
  CHECK(reload(ControlRoom::default_config).empty());  // taken back
  CHECK(warnings().empty());
}

TEST_CASE("a start says of an edited pool or mode what a reload says, and until it is followed or taken back") {
  StartedRoom room;
  const auto warnings = [&] { return room.controller().status().warnings; };
  room.restart();
  CHECK_FALSE(room.has_event("file_not_followed"));
  room.set_config(edited_shop());
  for (int i = 0; i < 2; ++i) {  // as the one before the restart, it knows what the file said first
    room.restart();
    CHECK(room.has_event("file_not_followed"));
    REQUIRE(warnings().size() == 2);
    CHECK(warnings()[0].contains("the file says pool green for shop, which stays on blue"));
    CHECK(warnings()[1].contains("the file says mode maintenance for shop, which stays live as since "));
    CHECK(room.mode_of("shop") == Mode::live);
  }
  SUBCASE("the mode is followed, and left again") {
    room.mode(Mode::maintenance, {"shop"});
    room.settled(room.mode(Mode::live, {"shop"}));
    room.restart();
    REQUIRE(warnings().size() == 1);
    CHECK(warnings()[0].contains("pool green"));
  }
  SUBCASE("the edit is taken back while proxyd is down") {
    room.set_config(ControlRoom::default_config);
    room.restart();
    CHECK(warnings().empty());
    room.set_config(edited_shop());
    room.restart();
    CHECK(warnings().size() == 2);
  }
}

TEST_CASE("what a cutover or a command has changed is no edit of the file, whenever proxyd starts") {
  StartedRoom room;
  room.settled(
      room.submit({.what = core::CutoverCommand{.site = "shop", .to = "green"}, .if_epoch = {}, .actor = {}}));
  room.settled(room.mode(Mode::readonly, {"shop"}));
  REQUIRE(room.view("shop").pool->name == "green");
  room.restart();
  CHECK(room.controller().status().warnings.empty());
  CHECK_FALSE(room.has_event("file_not_followed"));
}

TEST_CASE("a refused reload stands in status until one is carried out") {
  StartedRoom room;
  room.set_config(ControlRoom::default_config + "blance = 1\nfoo = 2\n");
  CHECK(room.reload() != nullptr);
  room.alarms.settle();
  const auto warnings = room.controller().status().warnings;
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].contains("the configuration file is not in force, its reload at "));
  CHECK(warnings[0].contains("'blance'"));
  CHECK(warnings[0].contains("(and 1 more); proxyd would not start with it"));
  room.settled(room.mode(Mode::readonly, {"shop"}));
  CHECK(room.controller().status().warnings.size() == 1);
  room.set_config(ControlRoom::default_config);
  CHECK(room.reload() != nullptr);
  room.alarms.settle();
  CHECK(room.controller().status().warnings.empty());
}
