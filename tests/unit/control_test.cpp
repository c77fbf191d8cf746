#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <string>

using namespace drawbridge;
using control::RefusalCode;
using core::Mode;
using core::Outcome;
using tests::a_read;
using tests::a_write;
using tests::ControlRoom;
using tests::mode_command;
using tests::StartedRoom;

TEST_CASE("the first start takes modes and pools from the configuration, later ones from the state") {
  StartedRoom room;
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK(room.view("shop").pool->name == "blue");
  const auto answer = room.settled(room.mode(Mode::maintenance, {"shop"}));
  REQUIRE(answer->is_receipt());
  room.restart();
  CHECK(room.mode_of("shop") == Mode::maintenance);
  CHECK(room.mode_of("forum") == Mode::live);
  CHECK(room.view("shop").mode.by == "alice (uid 1000)");
}

TEST_CASE("a command for all sites is one snapshot, one epoch and one fence") {
  StartedRoom room;
  const auto epoch = room.controller().current().epoch;
  const auto answer = room.mode(Mode::readonly);
  CHECK(room.controller().current().epoch == epoch + 1);
  CHECK(room.workers->last_scope.sites.size() == 2);
  CHECK(room.workers->last_scope.epoch == epoch + 1);
  room.alarms.settle();
  REQUIRE(answer->is_receipt());
  CHECK(answer->receipt().sites.size() == 2);
}

TEST_CASE("an unknown site refuses the whole command and names the nearest one") {
  StartedRoom room;
  const auto epoch = room.controller().current().epoch;
  const auto answer = room.settled(room.mode(Mode::maintenance, {"shop", "fourm"}));
  REQUIRE(answer->done.has_value());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::unknown_site);
  CHECK(answer->refusal().hint.find("'forum'") != std::string::npos);
  CHECK(answer->progress.empty());
  CHECK(room.controller().current().epoch == epoch);
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("arguments that make no sense together are refused") {
  StartedRoom room;
  const auto now = room.alarms.now().wall;
  std::vector<core::ModeCommand> commands(13, mode_command(Mode::readonly));
  commands[0].mode = Mode::live;
  commands[0].lasts = base::Millis(1);
  commands[1].lasts = base::Millis(1);
  commands[1].until = now + base::Millis(1);
  commands[2].then = Mode::maintenance;
  commands[3].lasts = base::Millis(0);
  commands[4].until = now;
  commands[5].until = now + std::chrono::days(400);
  commands[6].mode = Mode::live;
  commands[6].cut = true;
  commands[7].drain_timeout = base::Millis(-1);
  commands[8].reason = std::string(501, 'x');
  commands[9].mode = Mode::hold;
  commands[9].lasts = std::chrono::minutes(61);  // over hold.max_total
  commands[10].mode = Mode::hold;
  commands[10].until = now + std::chrono::hours(2);
  commands[11].then = Mode::hold;
  commands[11].lasts = std::chrono::seconds(5);
  commands[12].scope = core::HoldScope::all;  // of readonly
  for (std::size_t i = 0; i < commands.size(); ++i) {
    CAPTURE(i);
    const auto answer = room.settled(room.submit(commands[i]));
    REQUIRE(answer->done.has_value());
    CHECK_FALSE(answer->is_receipt());
  }
  CHECK(room.mode_of("shop") == Mode::live);
}

TEST_CASE("a command for another epoch than the current one is refused") {
  StartedRoom room;
  const auto epoch = room.controller().current().epoch;
  const auto crossing = room.submit({.what = mode_command(Mode::readonly), .if_epoch = epoch - 1, .actor = {}});
  const auto fitting =
      room.settled(room.submit({.what = mode_command(Mode::readonly), .if_epoch = epoch, .actor = {}}));
  REQUIRE_FALSE(crossing->is_receipt());
  CHECK(crossing->refusal().code == RefusalCode::epoch_changed);
  CHECK(fitting->is_receipt());
}

TEST_CASE("a disk that takes no state refuses the change and nothing has changed") {
  StartedRoom room;
  const auto epoch = room.controller().current().epoch;
  room.files.fail_after(0, true);
  const auto answer = room.settled(room.mode(Mode::readonly));
  REQUIRE(answer->done.has_value());
  REQUIRE_FALSE(answer->is_receipt());
  CHECK(answer->refusal().code == RefusalCode::not_stored);
  CHECK(answer->refusal().message.find("No space left") != std::string::npos);
  CHECK(room.controller().current().epoch == epoch);
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK(room.has_event("state_not_stored"));
  const auto warnings = room.controller().status().warnings;  // that no disk may make untrue later
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].starts_with("at 2026-"));
  CHECK(warnings[0].contains(" the state could not be stored, and a change that cannot be is refused: "));
  room.files.heal();
  const auto again = room.settled(room.mode(Mode::readonly));
  CHECK(again->is_receipt());
  CHECK(room.controller().status().warnings.empty());
}

TEST_CASE("a proxy whose disk is full at its start serves in the stored modes") {
  StartedRoom room;
  room.settled(room.mode(Mode::readonly, {"shop"}));
  room.stop();
  room.files.fail_after(0, true);
  REQUIRE(room.start().has_value());
  CHECK(room.mode_of("shop") == Mode::readonly);
  CHECK_FALSE(room.controller().status().warnings.empty());
}

TEST_CASE("a change whose history cannot be written is made, with a warning") {
  StartedRoom room;
  int operations = room.files.operations();
  room.settled(room.mode(Mode::readonly, {"shop"}));
  const int of_state = 7;  // open, write, write, sync; unlink, link; rename; then the folder
  REQUIRE(room.files.operations() - operations > of_state + 1);
  room.files.fail_after(of_state + 1, true);
  const auto answer = room.settled(room.mode(Mode::live, {"shop"}));
  REQUIRE(answer->is_receipt());
  CHECK(room.mode_of("shop") == Mode::live);
  CHECK(room.has_event("history_not_written"));
  REQUIRE_FALSE(room.controller().status().warnings.empty());
  CHECK(room.controller().status().warnings.back().find("history") != std::string::npos);
}

TEST_CASE("lost state puts every site into maintenance and says why") {
  StartedRoom room;
  room.settled(room.mode(Mode::readonly, {"shop"}));
  const auto epoch = room.controller().current().epoch;
  room.stop();
  room.files.overwrite("/state/state.json", "{");
  room.files.overwrite("/state/state.json.previous", "{");
  REQUIRE(room.start().has_value());
  CHECK(room.mode_of("shop") == Mode::maintenance);
  CHECK(room.mode_of("forum") == Mode::maintenance);
  CHECK(room.controller().current().epoch > epoch);
  CHECK(room.has_event("state_lost"));
  CHECK(room.controller().status().warnings.size() >= 3);
  room.settled(room.mode(Mode::live));
  CHECK(room.controller().status().warnings.empty());
}

TEST_CASE("what a start found is told until somebody has changed the sites that it concerns") {
  StartedRoom room;
  auto command = tests::mode_command(Mode::readonly, {"forum"});
  command.lasts = base::Millis(5'000);
  room.settled(room.submit(command));
  room.stop();
  room.files.overwrite("/state/state.json", "{");
  REQUIRE(room.start().has_value());
  const auto warnings = room.controller().status().warnings.size();
  CHECK(warnings >= 2);
  room.alarms.advance(base::Millis(10'000));  // by the timer, not by a person
  room.reload();
  room.settled(room.mode(Mode::readonly, {"forum"}));
  CHECK(room.controller().status().warnings.size() == warnings);
  room.settled(room.mode(Mode::live, {"shop"}));
  CHECK(room.controller().status().warnings.empty());
}

TEST_CASE("history tells who changed what, from what, and how it ended") {
  StartedRoom room;
  auto patch = mode_command(Mode::readonly, {"shop"});
  patch.reason = "schema\npatch \xff";
  room.settled(room.submit(patch));
  room.restart();
  const auto entries = room.controller().history("shop", 10);
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].what == "start");
  CHECK(entries[1].kind == control::HistoryEntry::Kind::ended);
  CHECK(entries[1].outcome == Outcome::done);
  CHECK(entries[2].what == "readonly");
  CHECK(entries[2].actor.name == "alice");
  CHECK(entries[2].actor.pid == 7);
  CHECK(entries[2].reason == "schema patch ?");
  REQUIRE(entries[2].sites.size() == 1);
  CHECK(entries[2].sites.front().before == "live");
  CHECK(entries[2].sites.front().after == "readonly");
  CHECK(room.controller().history("forum", 10).size() == 2);
}

TEST_CASE("old snapshots are kept while a request reads them and freed after") {
  StartedRoom room;
  const auto* first = room.workers->snapshot();
  const auto first_epoch = first->epoch;
  const auto read = room.workers->enter("shop", a_read);
  for (int i = 0; i < 20; ++i) room.mode(i % 2 == 0 ? Mode::readonly : Mode::live, {"shop"});
  room.alarms.settle();
  CHECK(first->epoch == first_epoch);
  CHECK(room.controller().snapshots_in_use() == 21);
  room.workers->leave(read);
  room.alarms.settle();
  CHECK(room.controller().snapshots_in_use() == 1);
}

TEST_CASE("answers are rendered once and shared by epochs that do not concern the site") {
  StartedRoom room;
  room.mode(Mode::readonly, {"shop"});
  const auto answers = room.view("shop").answers;
  REQUIRE(answers != nullptr);
  room.mode(Mode::maintenance, {"forum"});
  CHECK(room.view("shop").answers == answers);
  CHECK(room.renders == 2);
  CHECK(room.view("forum").answers != nullptr);
  room.mode(Mode::live);
  CHECK(room.view("shop").answers == nullptr);
}

TEST_CASE("a server taken out stays out across a restart and comes back when told") {
  StartedRoom room;
  const auto set = [&](core::ServerAdmin admin, const std::string& address) {
    auto answer =
        room.submit({.what = core::ServerCommand{.pool = "blue", .address = address, .admin = admin, .reason = ""},
                     .if_epoch = {},
                     .actor = ControlRoom::alice});
    room.alarms.settle();
    return answer;
  };
  CHECK(set(core::ServerAdmin::drain, "127.0.0.1:9002")->is_receipt());
  room.restart();
  CHECK(room.view("shop").pool->servers[1].admin == core::ServerAdmin::drain);
  CHECK(room.view("shop").pool->servers[0].admin == core::ServerAdmin::ready);
  CHECK(set(core::ServerAdmin::ready, "127.0.0.1:9002")->is_receipt());
  CHECK(room.view("shop").pool->servers[1].admin == core::ServerAdmin::ready);
  const auto unknown = set(core::ServerAdmin::drain, "127.0.0.1:9003");
  REQUIRE_FALSE(unknown->is_receipt());
  CHECK(unknown->refusal().code == RefusalCode::unknown_server);
  CHECK_FALSE(unknown->refusal().hint.empty());
}

TEST_CASE("a stop ends every wait and tells that the change stays") {
  StartedRoom room;
  room.workers->enter("shop", a_write);
  const auto answer = room.mode(Mode::readonly, {"shop"});
  room.controller().stop();
  room.alarms.settle();
  REQUIRE(answer->done.has_value());
  CHECK(answer->refusal().code == RefusalCode::shutting_down);
  const auto later = room.settled(room.mode(Mode::live));
  CHECK(later->refusal().code == RefusalCode::shutting_down);
  room.restart();
  CHECK(room.mode_of("shop") == Mode::readonly);
}
