#include "proxy/control/history.h"

#include "proxy/base/limits.h"
#include "tests/unit/memory_file_system.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace drawbridge;
using control::History;
using control::HistoryEntry;
using tests::MemoryFileSystem;

namespace {

HistoryEntry changed(std::uint64_t epoch, const std::string& site = "shop") {
  HistoryEntry entry;
  entry.at = base::WallTime(base::Millis(1'772'000'000'000));
  entry.epoch = epoch;
  entry.what = "readonly";
  entry.actor = {.name = "alice", .uid = 1000, .pid = 4711};
  entry.reason = "schema patch";
  entry.sites = {{site, "live", "readonly"}};
  return entry;
}

HistoryEntry ended(std::uint64_t epoch) {
  auto entry = changed(epoch);
  entry.kind = HistoryEntry::Kind::ended;
  entry.sites = {{"shop", {}, {}}};
  entry.outcome = core::Outcome::cut;
  entry.fenced = base::Millis(1);
  entry.drained = base::Millis(212);
  entry.ended[core::RequestClass::write] = 3;
  entry.cut[core::RequestClass::tunnel] = 1;
  entry.note = "n";
  return entry;
}

}  // namespace

TEST_CASE("a history line reads back as it was written") {
  for (const auto& entry : {changed(7), ended(7)}) {
    const auto line = control::format_history(entry);
    CHECK(line.find('\n') == line.size() - 1);
    const auto parsed = control::parse_history(line.substr(0, line.size() - 1));
    REQUIRE(parsed.has_value());
    CHECK(control::format_history(*parsed) == line);
  }
}

TEST_CASE("history survives restarts, newest first, by site") {
  MemoryFileSystem files;
  {
    History history(files, "/state");
    history.append(changed(1));
    history.append(changed(2, "forum"));
    history.append(ended(2));
  }
  const History history(files, "/state");
  REQUIRE(history.list({}, 10).size() == 3);
  CHECK(history.list({}, 10).front().kind == HistoryEntry::Kind::ended);
  CHECK(history.list({}, 1).size() == 1);
  REQUIRE(history.list("forum", 10).size() == 1);
  CHECK(history.list("forum", 10).front().epoch == 2);
  CHECK(history.problem().empty());
}

TEST_CASE("an entry that is synced later waits for no disk and is there after the end of the process") {
  MemoryFileSystem files;
  {
    History history(files, "/state");
    history.append(changed(1));
    const auto before = files.syncs();
    history.append(changed(2), History::Sync::later);
    CHECK(files.syncs() == before);
  }
  std::mt19937 random(1);
  {
    History history(files, "/state");
    REQUIRE(history.list({}, 10).size() == 2);
    history.append(changed(3));
  }
  files.cut_power(random);
  CHECK(History(files, "/state").list({}, 10).size() == 3);
}

TEST_CASE("a torn last line costs that line and no other") {
  MemoryFileSystem files;
  const auto whole = control::format_history(changed(1));
  files.overwrite("/state/history.jsonl", whole + whole.substr(0, whole.size() / 2));
  {
    History history(files, "/state");
    CHECK(history.unreadable_lines() == 1);
    CHECK(history.list({}, 10).size() == 1);
    history.append(changed(2));
  }
  const History history(files, "/state");
  CHECK(history.list({}, 10).size() == 2);
  CHECK(history.list({}, 10).front().epoch == 2);
}

TEST_CASE("the history is bounded in memory and on the disk") {
  MemoryFileSystem files;
  const auto max = base::limits::history_entries_max;
  {
    History history(files, "/state");
    for (std::uint64_t epoch = 1; epoch <= 3 * max; ++epoch) history.append(changed(epoch));
    CHECK(history.list({}, 10 * max).size() == max);
  }
  const auto lines = [&](const std::string& path) {
    const auto text = files.text(path);
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  };
  CHECK(lines("/state/history.jsonl") <= max);
  CHECK(lines("/state/history.jsonl.1") <= max);
  const History history(files, "/state");
  CHECK(history.list({}, 10 * max).size() == max);
  CHECK(history.list({}, 1).front().epoch == 3 * max);
}

TEST_CASE("entries that the disk did not take are written when it takes them again") {
  for (int n = 0; n < 4; ++n) {
    CAPTURE(n);
    MemoryFileSystem files;
    {
      History history(files, "/state");
      history.append(changed(1));
      files.fail_after(n, true);
      history.append(changed(2));
      CHECK_FALSE(history.problem().empty());
      CHECK(history.list({}, 10).size() == 2);
      files.heal();
      history.append(changed(3));
      CHECK(history.problem().empty());
    }
    const History history(files, "/state");
    const auto found = history.list({}, 10);
    CHECK(found.size() == 3);
    CHECK(found.front().epoch == 3);
    CHECK(found.back().epoch == 1);
  }
}
