#include "proxy/ctl/operator_command.h"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

using namespace drawbridge;

namespace {

// The end of a command while the daemon has said this on the line; "": it has hung up.
ctl::CommandEnd run_beside(std::string_view said, const std::string& command) {
  std::array<int, 2> line{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, line.data()) == 0);
  if (!said.empty()) REQUIRE(::write(line[1], said.data(), said.size()) > 0);
  if (said.empty()) ::close(line[1]);
  std::signal(SIGTERM, SIG_DFL);  // doctest's own would speak in a child that is told to end before it begins
  ctl::OperatorCommand wanted{.text = command, .environment = {}, .limit = base::Millis{20'000}, .line = line[0]};
  const auto end = ctl::run_operator_command(wanted);
  ::close(line[0]);
  if (!said.empty()) ::close(line[1]);
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
