#include "proxy/control/state_store.h"

#include "proxy/control/state_json.h"
#include "tests/unit/memory_file_system.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>
#include <string>

using namespace drawbridge;
using control::State;
using control::StateStore;
using tests::MemoryFileSystem;
using From = StateStore::Loaded::From;

namespace {

// A state whose every part says which one it is: a mix of two would show.
State numbered(std::uint64_t n) {
  State state;
  state.epoch = n;
  auto& shop = state.sites["shop"];
  shop.mode.mode = n % 2 == 0 ? core::Mode::live : core::Mode::readonly;
  shop.mode.since = base::WallTime(base::Millis(1'772'000'000'000 + static_cast<std::int64_t>(n)));
  shop.mode.reason = "change " + std::to_string(n) + " \"größer\"";
  shop.mode.by = "alice (uid 1000)";
  shop.pool = "pool" + std::to_string(n);
  shop.epoch = n;
  if (n % 3 == 0) {
    shop.mode.until = shop.mode.since + base::Millis(60'000);
    shop.ends = control::SteadyEnd{.boot = "b", .at = base::Millis(5), .lasts = base::Millis(60'000)};
  }
  if (n % 2 == 0) shop.file_word = control::FileWord{.pool = "green", .mode = core::Mode::maintenance};
  if (n % 3 == 1) state.ended = control::Ended{.at = shop.mode.since, .unknown_writes = {{"shop", n}}};
  state.servers[{"blue", "127.0.0.1:" + std::to_string(n)}] = core::ServerAdmin::drain;
  return state;
}

std::unique_ptr<StateStore> open(control::FileSystem& files, const std::string& folder = "/state") {
  auto store = StateStore::open(files, folder);
  REQUIRE(store.has_value());
  return std::move(*store);
}

// What a process that starts now finds; it must be one of the numbered states, whole.
std::uint64_t epoch_after_restart(MemoryFileSystem& files) {
  const auto loaded = open(files)->load();
  REQUIRE(loaded.has_value());
  CAPTURE(loaded->problems.size());
  REQUIRE(loaded->from == From::current);
  CHECK(control::format_state(loaded->state) == control::format_state(numbered(loaded->state.epoch)));
  return loaded->state.epoch;
}

}  // namespace

TEST_CASE("a state reads back as it was written") {
  for (std::uint64_t n = 0; n < 6; ++n) {
    const auto text = control::format_state(numbered(n));
    const auto parsed = control::parse_state(text);
    REQUIRE(parsed.has_value());
    CHECK(control::format_state(*parsed) == text);
  }
}

TEST_CASE("a state that is not whole is refused") {
  const auto good = control::format_state(numbered(3));
  const auto with = [&](const std::string& from, const std::string& to) {
    auto text = good;
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string broken[] = {"",
                                "{}",
                                "[]",
                                "null",
                                good.substr(0, good.size() / 2),
                                good + "x",
                                with("\"epoch\":3", "\"epoch\":-3"),
                                with("\"epoch\":3", "\"epoch\":3.5"),
                                with("\"epoch\":3", "\"epok\":3"),
                                with("\"mode\":\"readonly\"", "\"mode\":\"readable\""),
                                with("\"mode\":\"readonly\",", ""),
                                with("\"configured\":true", "\"configured\":1"),
                                with("\"configured\":true", "\"configured\":true,\"more\":1"),
                                with("\"admin\":\"drain\"", "\"admin\":\"\""),
                                with("\"sites\":{", "\"sites\":[{"),
                                with("\"since\":\"2026", "\"since\":\"x026"),
                                with("\"version\":5", "\"version\":0")};
  for (const auto& text : broken) {
    CAPTURE(text);
    const auto parsed = control::parse_state(text);
    CHECK_FALSE(parsed.has_value());
    if (!parsed) CHECK_FALSE(parsed.error().newer);
  }
}

TEST_CASE("a state folder without files is a first start") {
  MemoryFileSystem files;
  const auto loaded = open(files)->load();
  REQUIRE(loaded.has_value());
  CHECK(loaded->from == From::nothing);
  CHECK(loaded->problems.empty());
}

TEST_CASE(
    "whichever operation fails, the state is the old one or the new one, and what was refused stays refused") {
  int n = 0;
  for (bool failed = true; failed; ++n) {
    CAPTURE(n);
    MemoryFileSystem files;
    {
      const auto store = open(files);
      REQUIRE(store->load().has_value());
      REQUIRE(store->save(numbered(1)).has_value());
      REQUIRE(store->save(numbered(2)).has_value());
      files.fail_after(n, false);
      const auto saved = store->save(numbered(3));
      failed = files.failed();
      CHECK(saved.has_value() == !failed);
      if (!saved) CHECK_FALSE(saved.error().uncertain);
    }
    files.heal();
    CHECK(epoch_after_restart(files) == (failed ? 2 : 3));
  }
  CHECK(n > 6);
}

TEST_CASE("a state that was foreseen is saved with one sync, any other one as always") {
  MemoryFileSystem files;
  {
    const auto store = open(files);
    REQUIRE(store->save(numbered(1)).has_value());
    store->foresee({numbered(2), numbered(4)});
    const auto before = files.operations();
    REQUIRE(store->save(numbered(2)).has_value());
    const auto foreseen = files.operations() - before;
    REQUIRE(store->save(numbered(3)).has_value());
    CHECK(files.operations() - before - foreseen == foreseen + 4);  // open, write twice, sync
    store->foresee({});
    REQUIRE(store->save(numbered(4)).has_value());
  }
  CHECK(epoch_after_restart(files) == 4);
}

TEST_CASE("whatever is foreseen, no fault and no power cut loses what was acknowledged") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    MemoryFileSystem files;
    std::uint64_t acknowledged = 1;
    {
      const auto store = open(files);
      REQUIRE(store->save(numbered(1)).has_value());
      files.fail_after(std::uniform_int_distribution<int>(0, 50)(random), random() % 2 == 0);
      for (std::uint64_t epoch = 2; epoch < 8; ++epoch) {
        if (random() % 2 == 0) store->foresee({numbered(epoch), numbered(epoch + 1)});
        if (!store->save(numbered(epoch))) break;
        acknowledged = epoch;
      }
    }
    files.heal();
    if (random() % 2 == 0) files.cut_power(random);
    const auto found = epoch_after_restart(files);
    CHECK(found >= acknowledged);
    CHECK(found <= acknowledged + 1);
  }
}

TEST_CASE("after a failed save the next one succeeds") {
  for (int n = 0; n < 10; ++n) {
    CAPTURE(n);
    MemoryFileSystem files;
    {
      const auto store = open(files);
      REQUIRE(store->save(numbered(1)).has_value());
      files.fail_after(n, false);
      (void)store->save(numbered(2));
      files.heal();
      REQUIRE(store->save(numbered(3)).has_value());
    }
    CHECK(epoch_after_restart(files) == 3);
  }
}

TEST_CASE("a process killed at any operation leaves the old state or the new one") {
  int n = 0;
  for (bool failed = true; failed; ++n) {
    CAPTURE(n);
    MemoryFileSystem files;
    {
      const auto store = open(files);
      REQUIRE(store->save(numbered(1)).has_value());
      REQUIRE(store->save(numbered(2)).has_value());
      files.fail_after(n, true);
      (void)store->save(numbered(3));
      failed = files.failed();
    }
    files.heal();
    const auto epoch = epoch_after_restart(files);
    CHECK((epoch == 2 || epoch == 3));
  }
}

TEST_CASE("a power cut at any operation loses nothing that was acknowledged") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    MemoryFileSystem files;
    std::uint64_t acknowledged = 0;
    {
      const auto store = open(files);
      REQUIRE(store->save(numbered(1)).has_value());
      acknowledged = 1;
      files.fail_after(std::uniform_int_distribution<int>(0, 40)(random), true);
      for (std::uint64_t epoch = 2; epoch < 8; ++epoch) {
        if (!store->save(numbered(epoch))) break;
        acknowledged = epoch;
      }
    }
    files.heal();
    files.cut_power(random);
    const auto found = epoch_after_restart(files);
    CHECK(found >= acknowledged);
    CHECK(found <= acknowledged + 1);
  }
}

TEST_CASE("a folder that cannot be synced at all leaves it uncertain and says so") {
  MemoryFileSystem files;
  const auto store = open(files);
  REQUIRE(store->save(numbered(1)).has_value());
  files.fail_after(7, true);
  const auto saved = store->save(numbered(2));
  REQUIRE_FALSE(saved.has_value());
  CHECK(saved.error().uncertain);
  const auto again = store->save(numbered(3));
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().uncertain);
  files.heal();
  REQUIRE(store->save(numbered(4)).has_value());
  files.fail_after(0, false);
  const auto later = store->save(numbered(5));
  REQUIRE_FALSE(later.has_value());
  CHECK_FALSE(later.error().uncertain);
}

TEST_CASE("a folder that somebody emptied takes the next change") {
  MemoryFileSystem files;
  const auto store = open(files);
  REQUIRE(store->save(numbered(1)).has_value());
  REQUIRE(store->save(numbered(2)).has_value());
  files.remove("/state/state.json");
  files.remove("/state/state.json.previous");
  CHECK(store->save(numbered(3)).has_value());
  CHECK(store->save(numbered(4)).has_value());
  CHECK(files.text("/state/state.json") == control::format_state(numbered(4)));
  CHECK(files.text("/state/state.json.previous") == control::format_state(numbered(3)));
}

TEST_CASE("a damaged state falls back to the copy before it and keeps the damaged one") {
  MemoryFileSystem files;
  {
    const auto store = open(files);
    REQUIRE(store->save(numbered(1)).has_value());
    REQUIRE(store->save(numbered(2)).has_value());
  }
  files.overwrite("/state/state.json", "{\"version\": 1, \"ep");
  {
    const auto store = open(files);
    const auto loaded = store->load();
    REQUIRE(loaded.has_value());
    CHECK(loaded->from == From::previous);
    CHECK(loaded->state.epoch == 1);
    CHECK(loaded->problems.size() == 1);
    CHECK(files.text("/state/state.json.damaged") == "{\"version\": 1, \"ep");
    REQUIRE(store->save(numbered(3)).has_value());
  }
  CHECK(epoch_after_restart(files) == 3);
  CHECK(control::parse_state(files.text("/state/state.json.previous")).has_value());
}

TEST_CASE("a state that is missing beside its previous copy is no first start") {
  MemoryFileSystem files;
  {
    const auto store = open(files);
    REQUIRE(store->save(numbered(1)).has_value());
    REQUIRE(store->save(numbered(2)).has_value());
  }
  files.remove("/state/state.json");
  const auto loaded = open(files)->load();
  REQUIRE(loaded.has_value());
  CHECK(loaded->from == From::previous);
}

TEST_CASE("a state damaged together with its copy is told as lost with both reasons") {
  MemoryFileSystem files;
  files.overwrite("/state/state.json", "x");
  files.overwrite("/state/state.json.previous", "");
  const auto loaded = open(files)->load();
  REQUIRE(loaded.has_value());
  CHECK(loaded->from == From::damaged);
  CHECK(loaded->problems.size() == 2);
}

TEST_CASE("a state of a newer version is never replaced by an older copy") {
  const auto newer = std::string("{\"version\": 6, \"anything\": true}");
  for (const bool damaged : {false, true}) {
    MemoryFileSystem files;
    files.overwrite("/state/state.json", damaged ? "x" : newer);
    files.overwrite("/state/state.json.previous", damaged ? newer : control::format_state(numbered(1)));
    const auto loaded = open(files)->load();
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().message.find("newer proxyd") != std::string::npos);
  }
}

TEST_CASE("who goes back to an older version is told what is on and the ways from there") {
  const auto says = [](const std::string& text) { return control::parse_state(text).error().message; };
  auto state = numbered(2);
  state.sites["app"] = {.mode = {.mode = core::Mode::maintenance}, .pool = "green"};
  auto text = control::format_state(state);
  text.replace(text.find("\"version\":5"), 11, "\"version\":6");
  CHECK(says(text).starts_with(
      "has version 6, written by a newer proxyd, and this one knows 5: start the newer one "));
  CHECK(says(text).find("(app maintenance on pool green, shop live on pool pool2)") != std::string::npos);
  for (const auto* other :
       {R"({"version": 6})", R"({"version": 6, "sites": 3})", R"({"version": 6, "sites": {"a": 1}})",
        R"({"version": 6, "sites": {"a": {"mode": "\u001b[2J", "pool": "b"}}})"}) {
    CHECK(says(other).find("that are on now, move state.json") != std::string::npos);
  }
}

TEST_CASE("a state of an earlier version is read as it was meant, and nothing of it is lost") {
  const std::string site = R"("mode":"readonly","scope":"writes","since":"2026-03-01T02:04:10.123Z","then":"live",)"
                           R"("reason":"r","by":"b","pool":"blue","epoch":7,"configured":true)";
  const std::string slices =
      R"(,"previous_pool":"green","slices":[{"match":"header:X-Tenant=acme","pool":"red",)"
      R"("since":"2026-03-01T02:04:10.123Z","by":"b","reason":"","before":[{"match":"","pool":""}]}])";
  const std::string rest = R"(}},"servers":[{"pool":"blue","address":"127.0.0.1:1","admin":"drain"}]})";
  for (const int version : {1, 2, 3, 4}) {
    const auto text = R"({"version":)" + std::to_string(version) + R"(,"epoch":7,"sites":{"shop":{)" + site +
                      (version >= 3 ? slices : "") + rest;
    CAPTURE(text);
    MemoryFileSystem files;
    files.overwrite("/state/state.json", text);
    const auto store = open(files);
    auto loaded = store->load();
    REQUIRE(loaded.has_value());
    CHECK((loaded->problems.empty() ? "" : loaded->problems.front()) == "");
    REQUIRE(loaded->from == From::current);
    const auto& shop = loaded->state.sites.at("shop");
    CHECK(shop.mode.mode == core::Mode::readonly);
    CHECK(shop.pool == "blue");
    CHECK(shop.slices.size() == (version >= 3 ? 1 : 0));
    CHECK_FALSE(shop.file_word.has_value());
    CHECK_FALSE(shop.rolled_back);
    CHECK(loaded->state.servers.size() == 1);
    REQUIRE(store->save(loaded->state).has_value());
    CHECK(files.text("/state/state.json.previous") == text);  // for the way back
  }
}

TEST_CASE("two processes cannot share one state folder on a real disk") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("drawbridge-state-" + std::to_string(std::random_device{}()));
  const auto files = control::make_file_system();
  {
    const auto store = open(*files, folder / "deep");
    REQUIRE(store->save(numbered(1)).has_value());
    REQUIRE(store->save(numbered(2)).has_value());
    const auto second = StateStore::open(*files, folder / "deep");
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().message.find("state_dir") != std::string::npos);
  }
  const auto loaded = open(*files, folder / "deep")->load();
  REQUIRE(loaded.has_value());
  CHECK(loaded->from == From::current);
  CHECK(loaded->state.epoch == 2);
  CHECK((std::filesystem::status(folder / "deep" / "state.json").permissions() &
         std::filesystem::perms::others_all) == std::filesystem::perms::none);
  std::filesystem::remove_all(folder);
}
