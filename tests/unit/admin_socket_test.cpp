#include "tests/unit/admin_bench.h"
#include "tests/unit/raw_unix_client.h"

#include <doctest/doctest.h>

#include <fstream>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace drawbridge;
using tests::AdminBench;

namespace {

constexpr unsigned nobody = 65'534;

// The status code that a process of another user (and group) gets; 0 if it cannot even connect. Only root can know.
int status_for(const std::string& path, gid_t group) {
  const pid_t child = ::fork();
  if (child == 0) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::setgroups(1, &group) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
        ::setresuid(nobody, nobody, nobody) != 0) {
      ::_exit(99);
    }
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(0);
    constexpr char request[] = "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n";
    char head[12] = {};
    if (::send(socket, request, sizeof request - 1, MSG_NOSIGNAL) < 0) ::_exit(98);
    if (::recv(socket, head, sizeof head, MSG_WAITALL) != sizeof head) ::_exit(97);
    ::_exit((head[9] - '0') * 10 + (head[11] - '0'));  // 200 → 20, 403 → 43: an exit code has one byte
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("the mode of the file keeps others out, and so do their credentials if somebody widens it") {
  constexpr gid_t some_group = 12'345;
  AdminBench bench;
  if (::geteuid() == 0) {
    std::filesystem::permissions(bench.folder.path, std::filesystem::perms{0711});
    CHECK(status_for(bench.path, some_group) == 0);
    std::filesystem::permissions(bench.path, std::filesystem::perms{0666});
    CHECK(status_for(bench.path, some_group) == 43);
    const auto events = bench.events.since(0);
    REQUIRE_FALSE(events.empty());
    CHECK(events.back().name == "admin_permission_denied");
  }
  CHECK(bench.ask("GET", "/v1/version").status == 200);
}

TEST_CASE("members of the group may, by the groups their process has") {
  if (::geteuid() == 0) {
    admin::ServerOptions options;
    options.group = "daemon";
    AdminBench bench(options);
    std::filesystem::permissions(bench.folder.path, std::filesystem::perms{0711});
    CHECK(status_for(bench.path, ::getgrnam("daemon")->gr_gid) == 20);
    CHECK(status_for(bench.path, 12'345) == 0);
  }
}

TEST_CASE("the socket file is for its owner alone") {
  AdminBench bench;
  struct stat found{};
  REQUIRE(::lstat(bench.path.c_str(), &found) == 0);
  CHECK(S_ISSOCK(found.st_mode));
  CHECK((found.st_mode & 0777) == 0600);
}

TEST_CASE("with a group the socket file is for the group too, and an unknown group is an error") {
  boost::asio::io_context context;
  tests::FakeApi api(context);
  base::EventLog events(false);
  tests::TemporaryFolder folder;
  admin::ServerOptions options;
  options.socket_path = folder.path + "/admin.sock";
  options.group = "no-such-group";
  const auto refused = admin::Server::open(context, options, api, events);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message == "server.admin_group: there is no group 'no-such-group'");
  if (::geteuid() == 0) options.group = "nogroup";
  if (::geteuid() != 0) options.group.clear();
  const auto opened = admin::Server::open(context, options, api, events);
  REQUIRE(opened.has_value());
  struct stat found{};
  REQUIRE(::lstat(options.socket_path.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == (options.group.empty() ? 0600 : 0660));
}

TEST_CASE("what a dead proxy left is replaced, a live one and other files are left alone") {
  AdminBench bench;
  boost::asio::io_context context;
  base::EventLog events(false);
  admin::ServerOptions options;

  SUBCASE("a live one") {
    options.socket_path = bench.path;
    const auto second = admin::Server::open(context, options, bench.api, events);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().message.find("another proxyd") != std::string::npos);
    CHECK(bench.ask("GET", "/v1/version").status == 200);
  }
  SUBCASE("a live one that holds no lock") {
    options.socket_path = bench.path;
    std::filesystem::remove(bench.path + ".lock");
    const auto second = admin::Server::open(context, options, bench.api, events);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().message.find("another proxyd") != std::string::npos);
  }
  SUBCASE("a dead one") {
    options.socket_path = bench.folder.path + "/dead.sock";
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options.socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(dead);
    CHECK(admin::Server::open(context, options, bench.api, events).has_value());
  }
  SUBCASE("a file") {
    options.socket_path = bench.folder.path + "/notes.txt";
    std::ofstream(options.socket_path) << "mine";
    const auto refused = admin::Server::open(context, options, bench.api, events);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("not a socket") != std::string::npos);
    std::string kept;
    std::getline(std::ifstream(options.socket_path), kept);
    CHECK(kept == "mine");
  }
  SUBCASE("a path that is too long") {
    options.socket_path = bench.folder.path + "/" + std::string(120, 'x');
    CHECK_FALSE(admin::Server::open(context, options, bench.api, events).has_value());
  }
}

TEST_CASE("the socket file goes with the server") {
  std::string path;
  tests::TemporaryFolder folder;
  {
    admin::ServerOptions options;
    options.socket_path = folder.path + "/run/admin.sock";
    AdminBench bench(options);
    path = bench.path;
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}
