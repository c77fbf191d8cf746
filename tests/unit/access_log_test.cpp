#include "proxy/obs/access_log.h"

#include "tests/unit/sample_record.h"

#include <boost/json.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace drawbridge;
using obs::AccessLog;
using obs::AccessLogSink;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/drawbridge-log-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path / name).string(); }

  std::filesystem::path path;
};

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = base::SteadyClock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (base::SteadyClock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The request ids of a file whose every line is a whole JSON object.
std::vector<std::string> ids_of(const std::string& path) {
  std::vector<std::string> ids;
  for (const auto& line : lines_of(path)) {
    ids.emplace_back(boost::json::parse(line).at("request_id").as_string());
  }
  return ids;
}

void log_numbered(AccessLog::Lane& lane, const std::string& prefix, int first, int last) {
  for (int i = first; i <= last; ++i) {
    const auto id = fmt::format("{}{:06}", prefix, i);
    auto record = tests::sample_record();
    record.request_id = id;
    lane.write(record);
  }
}

std::vector<std::string> numbered(const std::string& prefix, int first, int last) {
  std::vector<std::string> ids;
  for (int i = first; i <= last; ++i) ids.push_back(fmt::format("{}{:06}", prefix, i));
  return ids;
}

// While it lives, a file grows to so many bytes at most.
class DiskOf {
 public:
  explicit DiskOf(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit tight{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
  }
  ~DiskOf() { setrlimit(RLIMIT_FSIZE, &before_); }
  DiskOf(const DiskOf&) = delete;
  DiskOf& operator=(const DiskOf&) = delete;

 private:
  rlimit before_{};
};

int count_events(const base::EventLog& events, std::string_view name) {
  const auto all = events.since(0);
  return static_cast<int>(std::ranges::count_if(all, [&](const base::Event& event) { return event.name == name; }));
}

std::unique_ptr<AccessLog> open_file(const std::string& path, std::size_t workers, base::EventLog& events,
                                     std::size_t lane_bytes = std::size_t{1} << 20) {
  auto log =
      AccessLog::open({.sink = AccessLogSink::file, .path = path, .lane_bytes = lane_bytes}, workers, events);
  REQUIRE(log.has_value());
  return std::move(*log);
}

}  // namespace

TEST_CASE("every line of every worker is in the file, whole and in the worker's order") {
  Folder folder;
  base::EventLog events(false);
  constexpr int lines = 20'000;
  {
    auto log = open_file(folder.file("access.log"), 3, events, std::size_t{16} << 20);
    std::vector<std::jthread> workers;
    for (std::size_t worker = 0; worker < 3; ++worker) {
      workers.emplace_back(
          [&log, worker] { log_numbered(log->lane(worker), fmt::format("w{}-", worker), 1, lines); });
    }
    workers.clear();
    CHECK(log->lost_lines() == 0);
  }
  std::map<char, std::vector<std::string>> by_worker;
  for (const auto& id : ids_of(folder.file("access.log"))) by_worker[id[1]].push_back(id);
  for (char worker = '0'; worker < '3'; ++worker) {
    CHECK(by_worker[worker] == numbered(fmt::format("w{}-", worker), 1, lines));
  }
}

TEST_CASE("a single line reaches the file without further traffic") {
  Folder folder;
  base::EventLog events(false);
  auto log = open_file(folder.file("access.log"), 2, events);
  for (int i = 1; i <= 3; ++i) {
    log_numbered(log->lane(1), "x", i, i);
    CHECK(eventually([&] { return lines_of(folder.file("access.log")).size() == static_cast<std::size_t>(i); }));
  }
}

TEST_CASE("after a rotation the lines go to a new file and none is missing") {
  Folder folder;
  base::EventLog events(false);
  {
    auto log = open_file(folder.file("access.log"), 1, events);
    log_numbered(log->lane(0), "x", 1, 100);
    REQUIRE(eventually([&] { return lines_of(folder.file("access.log")).size() == 100; }));
    std::filesystem::rename(folder.file("access.log"), folder.file("access.log.1"));
    log_numbered(log->lane(0), "x", 101, 200);
    log->reopen();
    REQUIRE(eventually([&] { return count_events(events, "access_log_reopened") == 1; }));
    log_numbered(log->lane(0), "x", 201, 300);
  }
  auto ids = ids_of(folder.file("access.log.1"));
  std::ranges::copy(ids_of(folder.file("access.log")), std::back_inserter(ids));
  CHECK(ids == numbered("x", 1, 300));
  CHECK(ids_of(folder.file("access.log")).back() == "x000300");
}

TEST_CASE("a file that cannot be opened again is said and the old one stays in use") {
  Folder folder;
  base::EventLog events(false);
  std::filesystem::create_directory(folder.file("logs"));
  {
    auto log = open_file(folder.file("logs/access.log"), 1, events);
    std::filesystem::rename(folder.file("logs"), folder.file("moved"));
    log->reopen();
    REQUIRE(eventually([&] { return count_events(events, "access_log_reopen_failed") == 1; }));
    log_numbered(log->lane(0), "x", 1, 5);
  }
  CHECK(ids_of(folder.file("moved/access.log")) == numbered("x", 1, 5));
}

TEST_CASE("a full disk is said once, tears no line and costs none while the ring has room") {
  const auto started = base::now().wall;
  Folder folder;
  base::EventLog events(false);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{.rlim_cur = 1'000, .rlim_max = before.rlim_max};
  {
    auto log = open_file(folder.file("access.log"), 2, events);
    setrlimit(RLIMIT_FSIZE, &tight);
    log_numbered(log->lane(1), "a", 1, 20);
    REQUIRE(eventually([&] { return count_events(events, "access_log_write_failed") == 1; }));
    CHECK(text_of(folder.file("access.log")).size() == 1'000);
    CHECK(log->facts().write_errno == EFBIG);
    const auto since = log->facts().failing_since;
    CHECK(since >= started);
    log_numbered(log->lane(0), "b", 1, 20);
    log->reopen();  // which is told of behind another write that fails
    REQUIRE(eventually([&] { return count_events(events, "access_log_reopened") == 1; }));
    CHECK(log->facts().failing_since == since);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(eventually([&] { return count_events(events, "access_log_recovered") == 1; }));
    CHECK(log->facts().write_errno == 0);
    CHECK(log->lost_lines() == 0);
  }
  auto ids = ids_of(folder.file("access.log"));
  std::ranges::sort(ids);
  auto wanted = numbered("a", 1, 20);
  std::ranges::copy(numbered("b", 1, 20), std::back_inserter(wanted));
  CHECK(ids == wanted);
  CHECK(count_events(events, "access_log_write_failed") == 1);
}

TEST_CASE("a file opened while the disk is full begins with a whole line") {
  Folder folder;
  base::EventLog events(false);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{.rlim_cur = 1'000, .rlim_max = before.rlim_max};
  {
    auto log = open_file(folder.file("access.log"), 1, events);
    setrlimit(RLIMIT_FSIZE, &tight);
    log_numbered(log->lane(0), "a", 1, 20);
    REQUIRE(eventually([&] { return count_events(events, "access_log_write_failed") == 1; }));
    std::filesystem::rename(folder.file("access.log"), folder.file("access.log.1"));
    log->reopen();
    REQUIRE(eventually([&] { return text_of(folder.file("access.log")).size() == 1'000; }));
    log->reopen();  // the same file again: its last line is only continued
    REQUIRE(eventually([&] { return count_events(events, "access_log_reopened") == 2; }));
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(log->lost_lines() == 1);
  }
  const auto ids = ids_of(folder.file("access.log"));
  REQUIRE_FALSE(ids.empty());
  CHECK(ids == numbered("a", 21 - static_cast<int>(ids.size()), 20));
  CHECK(count_events(events, "access_log_write_failed") == 1);  // though the new file filled up too
}

TEST_CASE("half a line that a process before left behind is ended before the first line, also by a reopen") {
  Folder folder;
  base::EventLog events(false);
  std::ofstream(folder.file("access.log")) << "{}\n{\"half";
  std::ofstream(folder.file("other.log")) << "{\"other";
  {
    auto log = open_file(folder.file("access.log"), 1, events);
    log_numbered(log->lane(0), "x", 1, 2);
    REQUIRE(eventually([&] { return lines_of(folder.file("access.log")).size() == 4; }));
    std::filesystem::rename(folder.file("access.log"), folder.file("access.log.1"));
    std::filesystem::rename(folder.file("other.log"), folder.file("access.log"));
    log->reopen();
    REQUIRE(eventually([&] { return count_events(events, "access_log_reopened") == 1; }));
    log_numbered(log->lane(0), "x", 3, 4);
  }
  const auto before = lines_of(folder.file("access.log.1"));
  CHECK(before[1] == "{\"half");
  CHECK(before[2].starts_with("{\"time"));
  const auto after = lines_of(folder.file("access.log"));
  REQUIRE(after.size() == 3);
  CHECK(after[0] == "{\"other");
  CHECK(after[1].starts_with("{\"time"));
}

TEST_CASE("half a line of a process before is ended as soon as the disk has room again") {
  Folder folder;
  base::EventLog events(false);
  std::ofstream(folder.file("access.log")) << "{\"half";
  {
    auto log = open_file(folder.file("access.log"), 1, events);
    const DiskOf full(6);
    log_numbered(log->lane(0), "x", 1, 2);
    REQUIRE(eventually([&] { return count_events(events, "access_log_write_failed") == 1; }));
  }
  const auto lines = lines_of(folder.file("access.log"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "{\"half");
}

TEST_CASE("a file that ends with a whole line goes on with the next, and an empty one begins with a line") {
  Folder folder;
  base::EventLog events(false);
  for (int start = 0; start < 2; ++start) {
    auto log = open_file(folder.file("access.log"), 1, events);
    log_numbered(log->lane(0), "x", start + 1, start + 1);
  }
  CHECK(ids_of(folder.file("access.log")) == numbered("x", 1, 2));
}

TEST_CASE("what a full disk keeps from the file at the end is counted, and the last event says the true total") {
  Folder folder;
  base::EventLog events(false);
  auto log = open_file(folder.file("access.log"), 2, events, std::size_t{64} << 10);
  const DiskOf full(1'000);
  log_numbered(log->lane(0), "a", 1, 1'000);  // more than the ring holds: the first loss is said at once
  REQUIRE(eventually([&] { return count_events(events, "access_log_lines_lost") == 1; }));
  log_numbered(log->lane(0), "b", 1, 100);
  log_numbered(log->lane(1), "c", 1, 20);
  log.reset();
  const auto text = text_of(folder.file("access.log"));
  const auto whole = std::ranges::count(text, '\n');
  const auto said = events.since(0).back();
  CHECK(said.name == "access_log_lines_lost");
  CHECK(said.fields.back() == std::pair<std::string, std::string>{"in_total", fmt::to_string(1'120 - whole)});
}

TEST_CASE("a reader that stands still never stops a worker: lines are lost, counted and said") {
  base::EventLog events(false);
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  {
    auto log = open_file(fmt::format("/proc/self/fd/{}", ends[1]), 1, events, std::size_t{128} << 10);
    for (int round = 0; log->lost_lines() == 0; ++round) {
      REQUIRE(round < 1'000);
      log_numbered(log->lane(0), "x", 1, 100);
    }
    CHECK(eventually([&] { return count_events(events, "access_log_lines_lost") == 1; }));
    CHECK(log->facts().lost_lately);
    CHECK(log->facts().lost_lines > 0);
  }
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("standard output that is a pipe gets every line") {
  base::EventLog events(false);
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  const int kept = dup(STDOUT_FILENO);
  dup2(ends[1], STDOUT_FILENO);
  close(ends[1]);
  std::string read_back;
  std::jthread reader([&] {
    char bytes[4096];
    for (ssize_t n = 0; (n = read(ends[0], bytes, sizeof bytes)) > 0;) {
      read_back.append(bytes, static_cast<std::size_t>(n));
    }
  });
  {
    auto log = AccessLog::open({.sink = AccessLogSink::standard_output}, 1, events);
    if (log) log_numbered((*log)->lane(0), "x", 1, 2'000);
  }
  dup2(kept, STDOUT_FILENO);
  close(kept);
  reader.join();
  close(ends[0]);
  CHECK(std::ranges::count(read_back, '\n') == 2'000);
}

TEST_CASE("an access log that is off takes records and does nothing") {
  base::EventLog events(false);
  auto log = AccessLog::open({}, 1, events);
  REQUIRE(log.has_value());
  log_numbered((*log)->lane(0), "x", 1, 10);
  (*log)->reopen();
  CHECK((*log)->lost_lines() == 0);
}

TEST_CASE("a file that cannot be opened at start is an error with its name") {
  base::EventLog events(false);
  const auto log = AccessLog::open({.sink = AccessLogSink::file, .path = "/nowhere/access.log"}, 1, events);
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().message == "cannot open access log /nowhere/access.log: No such file or directory");
}
