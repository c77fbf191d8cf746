#include "config/document.h"
#include "config/manual.h"
#include "config/restart.h"
#include "config/schema.h"
#include "tests/unit/config_texts.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace drawbridge::config;
using drawbridge::tests::accepted;
using drawbridge::tests::refused;
using drawbridge::tests::smallest_config;
using std::chrono::milliseconds;

namespace {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream input(path, std::ios::binary);
  std::ostringstream text;
  text << input.rdbuf();
  return text.str();
}

// A folder of its own for each test, gone at its end.
struct Folder {
  Folder() {
    char name[] = "/tmp/drawbridge-config-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return (path / name).string();
  }

  std::filesystem::path path;
};

// A file with every key of the schema, each with its example or, without one, its default.
std::string value_of(const Key& key);

std::string braces(const Section& section) {
  std::string text;
  for (const auto& key : section.keys) {
    if (const auto value = value_of(key); !value.empty()) {
      text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", key.name, value);
    }
  }
  return "{ " + text + " }";
}

std::string value_of(const Key& key) {
  if (key.presence == Presence::later) return {};
  if (!key.example.empty()) return std::string(key.example);
  if (key.table != nullptr && key.type == "table") return braces(*key.table);
  return key.fallback != nullptr ? key.fallback() : std::string();
}

std::string every_key() {
  std::string text;
  for (const auto& section : root_section().keys) {
    std::string header(section.table->title);
    if (const auto name = header.find("NAME"); name != std::string::npos) header.replace(name, 4, "blue");
    text += header + "\n";
    for (const auto& key : section.table->keys) {
      if (const auto value = value_of(key); !value.empty()) text += fmt::format("{} = {}\n", key.name, value);
    }
  }
  return text + "[pool.notice]\nservers = [\"127.0.0.1:9201\"]\n";
}

std::string without(std::string text, std::string_view part) {
  const auto at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.erase(at, part.size());
}

}  // namespace

TEST_CASE("what is left out has its default") {
  const auto config = accepted(smallest_config);
  REQUIRE(config.sites.size() == 1);
  CHECK(config.server.workers == 0);
  CHECK(config.server.access_log == "stdout");
  CHECK(config.limits.request_head_bytes == 32 * 1024);
  CHECK(config.timeouts.client_idle == milliseconds(75'000));
  CHECK(config.pools[0].balance == Balance::least_requests);
  CHECK(config.pools[0].health.active);
  CHECK(config.sites[0].paths == std::vector<std::string>{"/"});
  CHECK(config.sites[0].hosts.empty());
  CHECK(config.sites[0].mode == InitialMode::live);
  CHECK(config.sites[0].hold.max_total == milliseconds(60'000));
  CHECK(config.find_pool("blue") == &config.pools[0]);
  CHECK(config.find_site("nothing") == nullptr);
}

TEST_CASE("the example with everything reads as it is written") {
  const auto config = accepted(read_text(DRAWBRIDGE_SOURCE_DIR "/config/examples/full.toml"));
  REQUIRE(config.sites.size() == 1);
  REQUIRE(config.pools.size() == 3);
  const auto& site = config.sites[0];
  const auto& blue = *config.find_pool("blue");
  CHECK(config.listeners[1].address == "[::1]:8080");
  CHECK_FALSE(config.listeners[0].h2c);
  CHECK(config.listeners[1].h2c);
  CHECK(config.limits.request_body_bytes == 100 * 1024 * 1024);
  REQUIRE(blue.servers.size() == 2);
  CHECK(blue.servers[0].weight == 1);
  CHECK(blue.servers[1].weight == 2);
  CHECK(blue.servers[1].max_connections == 500);
  CHECK(blue.health.path == "/healthz");
  CHECK(site.hosts == std::vector<std::string>{"example.com", "*.example.com"});
  CHECK(site.readonly.write == Rules{"GET /logout", "GET /auth/*/callback"});
  CHECK(site.maintenance.exempt == Rules{"* /api/devices/**", "GET /healthz"});
  CHECK(site.maintenance.pool == "notice");
  CHECK(site.request_headers.set == decltype(site.request_headers.set){{"X-Site", "web"}});
  CHECK(site.response_headers.remove == std::vector<std::string>{"Server"});
}

TEST_CASE("each example can be used as it is") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DRAWBRIDGE_SOURCE_DIR "/config/examples")) {
    if (entry.path().extension() != ".toml") continue;
    CAPTURE(entry.path().string());
    const auto outcome = load(entry.path().string());
    CHECK((outcome ? std::string() : format(outcome.error())) == "");
    ++count;
  }
  CHECK(count >= 6);
}

TEST_CASE("the example with everything names every key") {
  const auto text = read_text(DRAWBRIDGE_SOURCE_DIR "/config/examples/full.toml");
  const auto check_section = [&](const auto& self, const Section& section) -> void {
    for (const auto& key : section.keys) {
      CAPTURE(key.name);
      if (key.presence != Presence::later) CHECK(text.contains(key.name));
      if (key.table != nullptr) self(self, *key.table);
    }
  };
  check_section(check_section, root_section());
}

TEST_CASE("every key takes the example and the default that the manual shows") {
  const auto text = every_key();
  CAPTURE(text);
  accepted(without(text, ", pool = \"notice\""));
  const auto config = accepted(without(text, "page = \"upgrading\", "));
  REQUIRE(config.sites.size() == 1);
  CHECK(config.sites[0].host_name == "shop.internal");
  CHECK(config.server.workers == 4);
}

TEST_CASE("the manual in docs is the one the schema makes") {
  // Differs? `build/dev/bin/config_doc > docs/CONFIG.md`
  CHECK(read_text(DRAWBRIDGE_SOURCE_DIR "/docs/CONFIG.md") == manual());
}

TEST_CASE("a pool takes its time-outs from [timeouts] where it sets none, whatever the order in the file") {
  const auto config = accepted(R"(
[pool.blue]
servers = ["127.0.0.1:9001"]
timeouts = { head = "5m" }
[timeouts]
upstream_head = "7s"
upstream_connect = "3s"
[[listener]]
address = "[::]:80"
[site.web]
pool = "blue"
)");
  REQUIRE(config.pools.size() == 1);
  CHECK(config.pools[0].timeouts.head == milliseconds(300'000));
  CHECK(config.pools[0].timeouts.connect == milliseconds(3'000));
}

TEST_CASE("names, hosts and paths come in one form") {
  const auto config = accepted(R"(
[[listener]]
address = "127.0.0.1:08080"
[pool.b]
servers = ["App.Internal:80", "[2001:DB8::1]:80"]
[pool.a]
servers = ["127.0.0.1:1"]
[site.web]
pool = "a"
hosts = ["Shop.Example.", "*.SHOP.example", "[2001:DB8::1]", "10.0.0.1"]
paths = ["/App/", "/"]
readonly = { read = ["POST   /login"] }
)");
  REQUIRE(config.sites.size() == 1);
  CHECK(config.listeners[0].address == "127.0.0.1:8080");
  CHECK(config.pools[0].name == "a");
  CHECK(config.pools[1].servers[0].address == "app.internal:80");
  CHECK(config.pools[1].servers[1].address == "[2001:db8::1]:80");
  CHECK(config.sites[0].hosts ==
        std::vector<std::string>{"shop.example", "*.shop.example", "[2001:db8::1]", "10.0.0.1"});
  CHECK(config.sites[0].paths == std::vector<std::string>{"/App", "/"});
  CHECK(config.sites[0].readonly.read == Rules{"POST /login"});
}

TEST_CASE("a problem is shown with its line and a caret, as wide as on a terminal") {
  CHECK(refused("hosts = [\"ü.example\", 5]\n") ==
        "test.toml:7:10: error: site.web.hosts: 'ü.example' is not a host name\n"
        "    7 | hosts = [\"ü.example\", 5]\n"
        "      |          ^^^^^^^^^^^\n"
        "test.toml:7:24: error: 'hosts' wants a text in quotes, not a number\n"
        "    7 | hosts = [\"ü.example\", 5]\n"
        "      |                       ^\n"
        "test.toml: 2 errors\n");
  CHECK(refused("\tmod = \"live\"\n") ==
        "test.toml:7:2: error: unknown key 'mod' in [site.web]; did you mean 'mode'?\n"
        "    7 | \tmod = \"live\"\n"
        "      | \t^^^\n"
        "test.toml: 1 error\n");
}

TEST_CASE("mistakes behind a syntax error are shown too") {
  const auto told = refused(
      "strip_prefix = yes\nmodee = \"live\"\n[pool.Grün]\nservers = []\n[limits]\nconnections = 0\nx = \"a\n"
      "connection = 1\n");
  for (const auto* place : {"7:16:", "8:1:", "9:1:", "12:15:", "13:5:", "14:1:", "6 errors"}) {
    CAPTURE(place);
    CAPTURE(told);
    CHECK(told.contains(place));
  }
}

TEST_CASE("an error is not told again by its echoes") {
  // max_total keeps its default, which is below max_wait: that would be news to nobody.
  CHECK(refused("hold = { max_wait = \"2m\", max_totl = \"3m\" }\n").contains("test.toml: 1 error\n"));
  const auto misspelt = parse(
      "[[listner]]\naddress = \"127.0.0.1:80\"\n[pool.a]\nservers = [\"a:1\"]\n"
      "[site.b]\npool = \"a\"\n",
      "test.toml");
  REQUIRE_FALSE(misspelt.has_value());
  CHECK(misspelt.error().size() == 1);
  CHECK(misspelt.error()[0].suggestion == "listener");
}

TEST_CASE("what a file says cannot steer the terminal it is shown on") {
  const auto told = refused("\"mo\\u001b[2Jde\" = 1\nhosts = [\"a\x1b[2J\"]\n");
  CHECK_FALSE(told.contains('\x1b'));
  const auto c1 = refused(
      "hosts = [\"a\xc2\x9b"
      "2J\"]\n");
  CHECK_FALSE(c1.contains("\xc2\x9b"));
}

TEST_CASE("text that is not UTF-8 is refused before the parser sees it") {
  // Stray continuation, cut short, overlong, surrogate, above U+10FFFF, Latin-1.
  for (const std::string bytes :
       {"\x80", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xfc"}) {
    CHECK(refused("# " + bytes + "\n").contains("test.toml:7:3: error: the text is not UTF-8"));
    CHECK(refused("'we" + bytes + "'nbl\n").contains("the text is not UTF-8"));
  }
  accepted(std::string(smallest_config) + "# \xc2\xa7 \xe2\x82\xac \xf0\x9f\x8c\x89 \xef\xbf\xbd\n");
}

TEST_CASE("line ends of Windows and a byte order mark do no harm") {
  std::string text = "\xef\xbb\xbf";
  for (const char c : smallest_config) text += c == '\n' ? "\r\n" : std::string(1, c);
  accepted(text);
  const auto outcome = parse("\xef\xbb\xbfx = 1\r\n", "test.toml");
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().back().column == 1);
  CHECK(outcome.error().back().source_line == "x = 1");
}

TEST_CASE("a very broken file is told a bounded number of problems") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += fmt::format("wrong_{} = 1\n", i);
  const auto outcome = parse(text, "test.toml");
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().size() == problems_max + 1);
  CHECK(outcome.error().back().message.contains("more"));
}

TEST_CASE("a line without end is refused, a large file is read") {
  CHECK(refused("# " + std::string(line_bytes_max, 'x') + "\n").contains("the line is longer than 8192 bytes"));
  std::string text(smallest_config);
  for (int i = 0; i < 3'000; ++i) {
    text += fmt::format("[site.s{}]\nhosts = [\"h{}.example\"]\npool = \"blue\"\n", i, i);
  }
  CHECK(accepted(text).sites.size() == 3'001);
}

TEST_CASE("a file that is no file is one clear problem") {
  const Folder folder;
  const auto told = [](const std::string& path) {
    const auto outcome = load(path);
    REQUIRE_FALSE(outcome.has_value());
    REQUIRE(outcome.error().size() == 1);
    CHECK(outcome.error()[0].line == 0);
    return format(outcome.error()[0]);
  };
  const auto missing = (folder.path / "missing.toml").string();
  CHECK(told(missing) == missing + ": error: the file cannot be opened: No such file or directory\n");
  CHECK(told(folder.path.string()).contains("is a folder"));
  CHECK(told("/dev/null").contains("is not a file"));
  CHECK(told(folder.write("large.toml", std::string(file_bytes_max + 1, '#'))).contains("is larger than"));
  const auto fifo = (folder.path / "fifo").string();
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(told(fifo).contains("is not a file"));
  const auto secret = folder.write("secret.toml", smallest_config);
  REQUIRE(chmod(secret.c_str(), 0) == 0);
  if (geteuid() != 0) CHECK(told(secret).contains("Permission denied"));
}

TEST_CASE("what the machine lacks is told beside a line that is wrong, under its own key") {
  const Folder folder;
  const auto path =
      folder.write("c.toml", std::string(smallest_config) + "foo = 1\n[server]\nadmin_group = \"ops\"\n");
  FileChecks checks;
  checks.group = [](const std::string& name) { return std::optional("there is no group '" + name + "'"); };
  const auto outcome = load(path, checks);
  REQUIRE_FALSE(outcome.has_value());
  const auto told = format(outcome.error());
  CAPTURE(told);
  CHECK(told.contains("c.toml:7:1: error: unknown key 'foo'"));
  CHECK(told.contains("c.toml:9:15: error: server.admin_group: there is no group 'ops'"));
  CHECK(outcome.error().size() == 2);
}

TEST_CASE("the folders of pages must exist") {
  const Folder folder;
  std::filesystem::create_directories(folder.path / "pages/upgrading");
  const auto configured = [&](const std::string& pages_dir, const std::string& page) {
    const auto path =
        folder.write("c.toml", fmt::format("{}maintenance = {{ page = \"{}\" }}\n[server]\npages_dir = \"{}\"\n",
                                           smallest_config, page, pages_dir));
    const auto outcome = load(path);
    return outcome ? std::string() : format(outcome.error());
  };
  const auto pages = (folder.path / "pages").string();
  CHECK(configured(pages, "upgrading") == "");
  CHECK(configured(pages, "upgradin").contains("did you mean 'upgrading'?"));
  CHECK(configured(pages + "x", "upgrading").contains("server.pages_dir: there is no folder"));
}

TEST_CASE("a reload says which changes need a restart, and only those") {
  const auto running = accepted(smallest_config);
  CHECK(needs_restart(running, running).empty());
  auto wanted = running;
  wanted.sites[0].drain.timeout = milliseconds(1);
  wanted.limits.connections = 5;
  wanted.pools.emplace_back();
  wanted.server.trusted_proxies.emplace_back("10.0.0.0/8");
  CHECK(needs_restart(running, wanted).empty());
  wanted.server.workers = 2;
  wanted.server.state_dir = "/elsewhere";
  wanted.listeners.push_back({.address = "127.0.0.1:1"});
  CHECK(needs_restart(running, wanted) ==
        std::vector<std::string>{"server.workers", "server.state_dir", "listener"});
}
