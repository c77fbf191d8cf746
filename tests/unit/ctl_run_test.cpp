#include "proxy/ctl/command_line.h"
#include "proxy/ctl/run.h"
#include "tests/unit/admin_bench.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <variant>
#include <vector>

using namespace drawbridge;
using ctl::Exit;
using tests::AdminBench;

namespace {

struct Told {
  Exit exit = Exit::done;
  std::string out, error;
  std::vector<std::string> progress;
};

Told tell(const std::string& socket, std::vector<std::string> words) {
  const auto parsed = ctl::parse_command_line(words, socket);
  REQUIRE(std::holds_alternative<ctl::Options>(parsed));
  Told told;
  ctl::Console console;
  console.out = [&](std::string_view text) { told.out += text; };
  console.error = [&](std::string_view text) { told.error += text; };
  console.progress = [&](std::string_view text) { told.progress.emplace_back(text); };
  told.exit = ctl::run(std::get<ctl::Options>(parsed), console);
  return told;
}

// Says `answer` to the first request and hangs up: a daemon that dies.
class DyingDaemon {
 public:
  explicit DyingDaemon(std::string answer) : path(folder_.path + "/admin.sock") {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int client = ::accept(listener_, nullptr, nullptr);
      char request[4096];
      const auto ignored = ::recv(client, request, sizeof request, 0);
      static_cast<void>(ignored);
      ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(client);
    });
  }
  ~DyingDaemon() {
    thread_.join();
    ::close(listener_);
  }
  DyingDaemon(const DyingDaemon&) = delete;
  DyingDaemon& operator=(const DyingDaemon&) = delete;

 private:
  tests::TemporaryFolder folder_;

 public:
  const std::string path;

 private:
  int listener_ = -1;
  std::thread thread_;
};

control::Refusal refusal(control::RefusalCode code, const std::string& message) {
  return {code, message, "", {}, {}};
}

}  // namespace

TEST_CASE("a change that is done prints its receipt and exits 0") {
  AdminBench bench;
  bench.api.answer->what = "readonly";
  bench.api.answer->sites = {"shop"};
  bench.api.progress.resize(1);
  const auto told = tell(bench.path, {"mode", "readonly", "shop"});
  CHECK(told.exit == Exit::done);
  CHECK(told.out.starts_with("shop: readonly at "));
  CHECK(told.out.ends_with("\ndone\n"));
  CHECK(told.error.empty());
  REQUIRE(told.progress.size() == 2);
  CHECK(told.progress.back().empty());
}

TEST_CASE("a change with requests left open exits 4 and names them") {
  AdminBench bench;
  bench.api.answer->outcome = core::Outcome::outstanding;
  bench.api.answer->outstanding.resize(1);
  bench.api.answer->outstanding[0].path = "/orders";
  const auto told = tell(bench.path, {"mode", "readonly"});
  CHECK(told.exit == Exit::undrained);
  CHECK(told.out.find("/orders") != std::string::npos);
}

TEST_CASE("a change that was cut or taken back says so in its exit code") {
  AdminBench bench;
  bench.api.answer->outcome = core::Outcome::cut;
  CHECK(tell(bench.path, {"mode", "readonly", "--cut"}).exit == Exit::done);
  bench.api.answer->outcome = core::Outcome::superseded;
  CHECK(tell(bench.path, {"mode", "readonly"}).exit == Exit::refused);
}

TEST_CASE("each end of a change and of a cutover has its exit code") {
  const auto expected = [](core::Outcome outcome, bool cutover) {
    switch (outcome) {
      case core::Outcome::done:
      case core::Outcome::cut:
        return Exit::done;
      case core::Outcome::outstanding:
      case core::Outcome::unknown:
        return cutover ? Exit::done : Exit::undrained;  // a cutover never ends so
      case core::Outcome::superseded:
        return Exit::refused;
      case core::Outcome::failed_back:
      case core::Outcome::returned:
        return cutover ? Exit::refused : Exit::done;  // nor a change of a mode so
      case core::Outcome::watch_failed:
        return cutover ? Exit::undrained : Exit::done;
    }
    return Exit::usage;
  };
  for (const auto outcome : {core::Outcome::done, core::Outcome::outstanding, core::Outcome::unknown,
                             core::Outcome::cut, core::Outcome::superseded, core::Outcome::failed_back,
                             core::Outcome::returned, core::Outcome::watch_failed}) {
    CAPTURE(core::name(outcome));
    AdminBench bench;
    bench.api.answer->outcome = outcome;
    CHECK(tell(bench.path, {"mode", "readonly"}).exit == expected(outcome, false));
    bench.api.answer->cutover.emplace();
    CHECK(tell(bench.path, {"cutover", "shop", "--to", "green"}).exit == expected(outcome, true));
  }
}

TEST_CASE("a daemon that is ending is one that was not reached") {
  AdminBench bench;
  bench.api.answer = std::unexpected(refusal(control::RefusalCode::shutting_down, "proxyd is ending"));
  CHECK(tell(bench.path, {"mode", "readonly"}).exit == Exit::unreachable);
  CHECK(tell(bench.path, {"cutover", "shop", "--to", "green"}).exit == Exit::unreachable);
}

TEST_CASE("a refusal exits 1 with the daemon's words on standard error") {
  AdminBench bench;
  bench.api.answer =
      std::unexpected(refusal(control::RefusalCode::not_stored, "the disk is full; nothing was changed"));
  const auto told = tell(bench.path, {"mode", "readonly"});
  CHECK(told.exit == Exit::refused);
  CHECK(told.out.empty());
  CHECK(told.error == "proxyctl: the disk is full; nothing was changed\n");
}

TEST_CASE("json is the daemon's own, for receipts, answers and errors") {
  AdminBench bench;
  CHECK(tell(bench.path, {"mode", "readonly", "--json"}).out.starts_with(R"({"receipt":{)"));
  CHECK(tell(bench.path, {"status", "--json"}).out.starts_with(R"({"version":)"));
  bench.api.answer = std::unexpected(refusal(control::RefusalCode::refused, "no"));
  const auto told = tell(bench.path, {"reload", "--json"});
  CHECK(told.out.find(R"("code":"refused")") != std::string::npos);
  CHECK(told.exit == Exit::refused);
}

TEST_CASE("wait and doctor fail by their answer") {
  AdminBench bench;
  CHECK(tell(bench.path, {"wait", "--until", "live"}).exit == Exit::done);
  bench.api.waited = {false, base::Millis{5}, {"shop"}, {}};
  const auto told = tell(bench.path, {"wait", "--until", "live", "--timeout", "5ms"});
  CHECK(told.exit == Exit::refused);
  CHECK(told.out == "not reached within 5ms: shop\n");
  bench.api.checks = {{"clock", admin::Health::warn, "late", "set it"}};
  CHECK(tell(bench.path, {"doctor"}).exit == Exit::done);
  bench.api.checks[0].result = admin::Health::fail;
  CHECK(tell(bench.path, {"doctor"}).exit == Exit::refused);
}

TEST_CASE("a preview prints the body alone, and the head when asked") {
  AdminBench bench;
  CHECK(tell(bench.path, {"page", "preview", "shop", "--as", "text"}).out == "closed\n");
  CHECK(tell(bench.path, {"page", "preview", "shop", "--head"}).out.starts_with("HTTP/1.1 503"));
}

TEST_CASE("names for the shells come from the daemon and never complain") {
  AdminBench bench;
  CHECK(tell(bench.path, {"help", "--names", "SITE"}).out == "search\nshop\n");
  CHECK(tell(bench.path, {"help", "--names", "ADDRESS"}).out == "127.0.0.1:9001\n127.0.0.1:9002\n");
  const auto absent = tell("/nonexistent/x", {"help", "--names", "POOL"});
  CHECK(absent.exit == Exit::done);
  CHECK(absent.out + absent.error == "");
}

TEST_CASE("a daemon that dies after a change was sent leaves its outcome open, and proxyctl says so") {
  const DyingDaemon daemon("");
  const auto told = tell(daemon.path, {"mode", "readonly"});
  CHECK(told.exit == Exit::unreachable);
  CHECK(told.error.find("whether it was made is not known") != std::string::npos);
  CHECK(told.error.find("proxyctl history") != std::string::npos);
}

TEST_CASE("a daemon that dies while a published change drains leaves the change made, and proxyctl says so") {
  const DyingDaemon daemon(
      "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
      "25\r\n{\"progress\":{\"stage\":\"published\"}}  \n\r\n");
  const auto told = tell(daemon.path, {"mode", "readonly"});
  CHECK(told.exit == Exit::undrained);
  CHECK(told.error.find("The change was made and stays") != std::string::npos);
}

TEST_CASE("a daemon that dies during a cutover leaves its end open, and during a watch the cutover made") {
  struct Row {
    const char* stage;
    Exit exit;
    const char* says;
  };
  for (const auto& row : {Row{"drain", Exit::unreachable, "its last known stage is drain"},
                          Row{"watch", Exit::undrained, "The cutover to green was made"}}) {
    CAPTURE(row.stage);
    const auto line = fmt::format(R"({{"progress":{{"stage":"{}","to":"green"}}}})", row.stage) + "\n";
    const DyingDaemon daemon(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n" +
        fmt::format("{:x}\r\n{}\r\n", line.size(), line));
    const auto told = tell(daemon.path, {"cutover", "shop", "--to", "green"});
    CHECK(told.exit == row.exit);
    CHECK_MESSAGE(told.error.find(row.says) != std::string::npos, told.error);
  }
}

TEST_CASE("a daemon that dies during a question was simply not reached") {
  const DyingDaemon daemon("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
  const auto told = tell(daemon.path, {"status"});
  CHECK(told.exit == Exit::unreachable);
  CHECK(told.out.empty());
}

TEST_CASE("something else behind the socket is not taken for proxyd") {
  const DyingDaemon daemon("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(tell(daemon.path, {"status"}).error.find("not one of proxyd's") != std::string::npos);
}

TEST_CASE("a message of a daemon that ends while a change drains is told as what it is") {
  AdminBench bench;
  bench.api.progress.resize(1);
  bench.api.answer = std::unexpected(refusal(control::RefusalCode::shutting_down, "proxyd is ending"));
  const auto told = tell(bench.path, {"mode", "readonly"});
  CHECK(told.exit == Exit::undrained);
  CHECK(told.error.starts_with("proxyctl: proxyd is ending\nThe change was made and stays"));
}

TEST_CASE("a command that no shell could begin makes nobody wait, and a dry run sees it") {
  AdminBench bench;
  for (const bool dry : {true, false}) {
    std::vector<std::string> words = {"cutover", "shop", "--to", "green", "--run", "./no-such-script"};
    if (dry) words.emplace_back("--dry-run");
    const auto told = tell(bench.path, words);
    CHECK(told.exit == Exit::usage);
    CHECK(told.error.starts_with("proxyctl: --run: ./no-such-script is not there"));
    CHECK(bench.api.commands.empty());
  }
  const auto warned =
      tell(bench.path, {"cutover", "shop", "--to", "green", "--dry-run", "--run", "./no-such-script || true"});
  CHECK(warned.exit != Exit::usage);
  CHECK(warned.error.starts_with("proxyctl: --run: ./no-such-script is not there"));
  CHECK(bench.api.commands.size() == 1);
}
