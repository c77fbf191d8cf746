#include "proxy/ctl/operator_command.h"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <functional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

using namespace drawbridge;

namespace {

// The end of a command while the daemon has said this on the line; "": it has hung up.
ctl::CommandEnd run_beside(std::string_view said, const std::string& command,
                           const std::function<void(const std::string&, bool)>& goes_on = {}) {
  std::array<int, 2> line{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, line.data()) == 0);
  REQUIRE(::dup2(line[1], 9) == 9);  // the command's own end of it
  if (!said.empty()) REQUIRE(::write(line[1], said.data(), said.size()) > 0);
  if (said.empty()) ::close(line[1]);
  if (said.empty()) ::close(9);
  std::signal(SIGTERM, SIG_DFL);  // doctest's own would speak in a child that is told to end before it begins
  ctl::OperatorCommand wanted{
      .text = command, .environment = {}, .limit = base::Millis{20'000}, .line = line[0], .goes_on = goes_on};
  const auto end = ctl::run_operator_command(wanted);
  ::close(line[0]);
  if (!said.empty()) ::close(line[1]);
  if (!said.empty()) ::close(9);
  return end;
}

}  // namespace

TEST_CASE("what is left of an earlier line on the way ends no command") {
  for (const std::string_view left : {"\r\n", "7a\r\n{\"progress\":{\"stage\":\"drain\"}}\n\r\n"}) {
    const auto end = run_beside(left, "sleep 0.3; exit 7");
    CHECK(end.exit_code == 7);
    CHECK_FALSE(end.was_told);
  }
}

TEST_CASE("a daemon that has ended the cutover or hung up ends the command") {
  for (const std::string_view said : {"", "80\r\n{\"receipt\":{}}\n", "80\r\n{\"error\":{}}\n"}) {
    const auto end = run_beside(said, "exec sleep 20");
    CHECK(end.was_told);
    CHECK(end.exit_code == 128 + 15);
  }
}

TEST_CASE("only a command that succeeds may leave a process running") {
  const std::string behind = "sleep 300 >/dev/null 2>&1 & echo $!; ";
  for (const auto& [last, code] : {std::pair{"exit 3", 3}, {"kill -INT $$", 128 + SIGINT}, {"exit 0", 0}}) {
    CAPTURE(last);
    const auto end = run_beside("\r\n", behind + last);
    CHECK(end.exit_code == code);
    CHECK_FALSE(end.was_told);
    const auto left = static_cast<pid_t>(std::stol(end.output));
    CHECK((::kill(left, SIGKILL) == 0) == (code == 0));
  }
}

TEST_CASE("what goes on though it was told to end is named at once, and waited for") {
  // The one is left by a command that fails, when it is deaf; the other is told, by the line, when it is.
  const std::string commands[] = {
      "f=$(mktemp -u); mkfifo $f; sh -c \"trap '' TERM; exec 1>&- 2>&-; : >$f; sleep 1\" & echo $!; : <$f; rm $f; "
      "exit 3",
      "trap '' TERM; echo $$; echo '{\"receipt\":{}}' >&9; sleep 1; exit 3"};
  for (const bool told : {false, true}) {
    CAPTURE(told);
    std::string named;
    const auto end = run_beside("\r\n", commands[told ? 1 : 0], [&](const std::string& names, bool by_us) {
      named += names;
      CHECK(by_us == told);
    });
    CHECK(end.exit_code == 3);
    CHECK(end.was_told == told);
    CHECK((end.ran_on >= base::Millis{300}) == told);
    const auto deaf = std::stol(end.output);
    CHECK(named.contains("sh (" + std::to_string(deaf) + ")"));
    CHECK(end.survivors.empty());
    CHECK(::kill(static_cast<pid_t>(deaf), 0) != 0);
  }
}

TEST_CASE("a command that is stopped is let go on when it is told to end") {
  const auto end =
      run_beside("\r\n",
                 "trap 'echo tidied; exit 9' TERM; (until grep -q '^State:.T' /proc/$$/status; do :; done; "
                 "echo '{\"receipt\":{}}' >&9) & kill -STOP $$");
  CHECK(end.was_told);
  CHECK(end.exit_code == 9);
  CHECK(end.output == "tidied\n");
}

TEST_CASE("a command whose keeper is killed is told to end by the kernel") {
  std::array<int, 2> held{};  // by the command, until it has ended
  REQUIRE(::pipe(held.data()) == 0);
  REQUIRE(::dup2(held[1], 8) == 8);
  const auto end = run_beside("\r\n", "echo $$; kill -KILL $PPID; exec sleep 300");
  ::close(held[1]);
  ::close(8);
  CHECK_FALSE(end.exit_code.has_value());
  pollfd ended{.fd = held[0], .events = POLLIN, .revents = 0};
  CHECK(::poll(&ended, 1, 10'000) == 1);
  ::close(held[0]);
  if (ended.revents == 0) ::kill(static_cast<pid_t>(std::stol(end.output)), SIGKILL);
}
