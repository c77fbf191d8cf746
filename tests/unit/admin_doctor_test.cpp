#include "proxy/admin/doctor.h"
#include "proxy/admin/peer.h"
#include "tests/unit/admin_bench.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace drawbridge;
using namespace drawbridge::admin;

TEST_CASE("descriptors that do not carry the connections configured are a warning that says how many they carry") {
  const ClientFacts few{.open_max = 400, .configured_max = 50'000, .wanted_descriptors = 100'230};
  const ClientFacts all{.open_max = 50'000, .configured_max = 50'000, .wanted_descriptors = 100'230};
  CHECK(check_descriptors({200'000, 100}, all).result == Health::ok);
  const auto warned = check_descriptors({1'024, 100}, few);
  CHECK(warned.result == Health::warn);
  CHECK(warned.text.find("400") != std::string::npos);
  CHECK(warned.advice.find("100230") != std::string::npos);
  CHECK(check_descriptors({1'024, 1'020}, few).result == Health::fail);
}

TEST_CASE("that clients are turned away is said while it lasts and for a while after") {
  ClientFacts facts{.open = 9, .open_max = 10, .configured_max = 10, .turned_away = 7};
  CHECK(check_clients(facts).result == Health::ok);
  CHECK(client_warning(facts).empty());
  facts.turned_away_lately = true;
  CHECK(check_clients(facts).result == Health::warn);
  CHECK(client_warning(facts).find("7 so far") != std::string::npos);
  facts.turned_away_lately = false;
  facts.open = 10;
  CHECK(client_warning(facts).starts_with("all 10 client connections"));
}

TEST_CASE("an access log that cannot be written fails and says since when, why and what was lost") {
  obs::LogFacts facts{
      .file = "/l", .failing_since = *base::parse_time("2026-03-01T12:00:00Z", {}), .lost_lines = 7};
  CHECK(check_access_log({}).text == "off");
  CHECK(check_access_log(facts).result == Health::ok);
  CHECK(access_log_warning(facts).empty());  // though lines were lost once
  facts.lost_lately = true;
  CHECK(check_access_log(facts).result == Health::warn);
  CHECK(access_log_warning(facts) ==
        "lines of the access log /l were lost in the last minute (since proxyd started: 7)");
  facts.write_errno = ENOSPC;
  CHECK(check_access_log(facts).result == Health::fail);
  CHECK(access_log_warning(facts) ==
        "the access log /l cannot be written since 2026-03-01T12:00:00Z: No space left on device "
        "(lines lost since proxyd started: 7)");
}

TEST_CASE("descriptors of this process are found") {
  const auto facts = measure_descriptors();
  CHECK(facts.limit > 0);
  CHECK(facts.open >= 3);
}

TEST_CASE("a state folder that cannot be written fails, a nearly full one warns") {
  CHECK(check_state_folder({"/s", 0, 10ULL << 30, 1'000}).result == Health::ok);
  CHECK(check_state_folder({"/s", 0, 50ULL << 20, 1'000}).result == Health::warn);
  CHECK(check_state_folder({"/s", 0, 1'000, 1'000}).result == Health::fail);
  CHECK(check_state_folder({"/s", 0, 10ULL << 30, 0}).result == Health::fail);
  CHECK(check_state_folder({"/s", ENOSPC, 0, 0}).text == "/s cannot be written: No space left on device");
}

TEST_CASE("the state folder is tried with a file that does not stay") {
  const tests::TemporaryFolder folder;
  CHECK(measure_folder(folder.path).write_errno == 0);
  CHECK(measure_folder(folder.path).free_bytes > 0);
  CHECK(std::filesystem::is_empty(folder.path));
  CHECK(measure_folder(folder.path + "/missing").write_errno == ENOENT);
}

TEST_CASE("the clock must be sane, steady and kept by somebody") {
  ClockFacts facts;
  facts.wall = *base::parse_time("2026-03-01T12:00:00Z", {});
  facts.synchronised = true;
  CHECK(check_clock(facts).result == Health::ok);
  facts.synchronised = std::nullopt;
  CHECK(check_clock(facts).result == Health::ok);
  facts.synchronised = false;
  CHECK(check_clock(facts).result == Health::warn);
  facts.synchronised = true;
  facts.drift = base::Millis{-3'600'000};
  CHECK(check_clock(facts).text.find("-1h") != std::string::npos);
  facts.wall = base::WallTime{};
  CHECK(check_clock(facts).result == Health::fail);
  const auto measured = measure_clock(base::now());
  CHECK(std::chrono::abs(measured.drift) < std::chrono::seconds(1));
}

TEST_CASE("the worst finding is the result") {
  CHECK(worst({}) == Health::ok);
  CHECK(worst({{"a", Health::warn, "", ""}, {"b", Health::ok, "", ""}}) == Health::warn);
  CHECK(worst({{"a", Health::fail, "", ""}, {"b", Health::warn, "", ""}}) == Health::fail);
}

TEST_CASE("root, the owner and members of the group may command, nobody else") {
  const Peer root{0, 0, 1, {}}, owner{1'000, 100, 1, {}}, member{1'001, 100, 1, {7, 50}}, primary{1'001, 50, 1, {}};
  const Peer stranger{1'001, 100, 1, {7}};
  CHECK(may_command(root, 1'000, std::nullopt));
  CHECK(may_command(owner, 1'000, std::nullopt));
  CHECK_FALSE(may_command(member, 1'000, std::nullopt));
  CHECK(may_command(member, 1'000, 50));
  CHECK(may_command(primary, 1'000, 50));
  CHECK_FALSE(may_command(stranger, 1'000, 50));
}
