#include "proxy/admin/doctor.h"
#include "proxy/admin/peer.h"
#include "tests/unit/admin_bench.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace drawbridge;
using namespace drawbridge::admin;

TEST_CASE("descriptors are counted for both sides of each connection") {
  CHECK(check_descriptors({200'000, 100, 50'000, 4}).result == Health::ok);
  const auto few = check_descriptors({1'024, 100, 50'000, 4});
  CHECK(few.result == Health::warn);
  CHECK(few.advice.find("100128") != std::string::npos);
  CHECK(check_descriptors({1'024, 1'000, 50'000, 4}).result == Health::fail);
}

TEST_CASE("descriptors of this process are found") {
  const auto facts = measure_descriptors(10, 1);
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
