#include "proxy/ctl/command_look.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace drawbridge;
namespace fs = std::filesystem;

namespace {

// A folder with scripts of all kinds, in which the test stands.
class Scripts {
 public:
  Scripts() : before_(fs::current_path()) {
    std::string name = (fs::temp_directory_path() / "scripts-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    fs::create_directory(folder_ / "sub");
    add("switch.sh", "#!/bin/sh\nexit 0\n");
    add("sub/inner.sh", "exit 0\n");
    add("windows.sh", "#!/bin/sh\r\nexit 0\r\n");
    add("strange.sh", "#!/bin/bsah -e\nexit 0\n");
    add("plain.txt", "exit 0\n", false);
    fs::current_path(folder_);
  }
  ~Scripts() {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  Scripts(const Scripts&) = delete;
  Scripts& operator=(const Scripts&) = delete;

 private:
  void add(const char* name, const char* text, bool executable = true) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    if (executable) fs::permissions(folder_ / name, fs::perms::owner_all);
  }

  fs::path before_, folder_;
};

}  // namespace

TEST_CASE("a command that no shell could begin is told, and why") {
  const Scripts scripts;
  const struct {
    const char* text;
    const char* says;
  } rows[] = {
      {"./swich.sh", "./swich.sh is not there; did you mean './switch.sh'?"},
      {"  ./swich.sh --fast 'a b' $HOME >log 2>log", "./swich.sh is not there"},
      {"/no/such/folder/x", "/no/such/folder/x is not there"},
      {"switch.sh/x", "switch.sh/x is not there"},
      {"./plain.txt", "./plain.txt may not be executed by you; chmod +x?"},
      {"./sub", "./sub is a folder"},
      {"./windows.sh", "the first line of ./windows.sh ends in CR LF, as on Windows"},
      {"./strange.sh", "the first line of ./strange.sh wants /bin/bsah, which is not there"},
      {"swich-drawbridge-test", "swich-drawbridge-test is no program that the shell finds"},
      {"switch.sh", "switch.sh is no program that the shell finds"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto look = ctl::look_at_command(row.text);
    CHECK(look.problem.starts_with(row.says));
    CHECK(look.is_certain);
  }
}

TEST_CASE("a command that may work is never called certain to fail") {
  const Scripts scripts;
  for (const std::string text : {"./switch.sh",
                                 "./switch.sh a b",
                                 "./sub/inner.sh",
                                 "true",
                                 "cd sub && ./inner.sh",
                                 "cd sub; ./inner.sh",
                                 "[ -e x ]",
                                 ": $x",
                                 "exit 3",
                                 "exec ./missing",
                                 "env ./missing",
                                 "$SCRIPT",
                                 "\"./no such\"",
                                 "A=1 ./switch.sh",
                                 "~/x",
                                 "{ ./missing; }",
                                 "(./missing)",
                                 "! ./missing",
                                 "if true; then exit 0; fi",
                                 "sleep 0 | cat",
                                 "",
                                 "   ",
                                 "./m*",
                                 "`echo true`",
                                 "test -e x",
                                 "\\ls",
                                 "'true'",
                                 "# nothing",
                                 ". ./switch.sh",
                                 "-x"}) {
    CAPTURE(text);
    CHECK(ctl::look_at_command(text).problem == "");
  }
  // Another may bring it, or do without it.
  for (const std::string text : {"./missing || true", "./missing; exit 0", "./missing & wait", "./missing | cat",
                                 "./missing `make missing`", "./missing $(make missing)", "./missing\ntrue"}) {
    CAPTURE(text);
    const auto look = ctl::look_at_command(text);
    CHECK(look.problem == "./missing is not there");
    CHECK_FALSE(look.is_certain);
  }
}
