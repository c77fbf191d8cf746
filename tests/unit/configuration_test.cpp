#include "proxy/app/configuration.h"

#include "pages/reply.h"
#include "proxy/app/page_renderer.h"
#include "proxy/control/state_json.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace drawbridge;
namespace fs = std::filesystem;

namespace {

struct PagesFolder {
  fs::path path;

  PagesFolder() {
    std::string name = fs::temp_directory_path() / "drawbridge-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~PagesFolder() { fs::remove_all(path); }

  void write(const std::string& page, const std::string& html) const {
    fs::create_directories(path / page);
    std::ofstream(path / page / "index.html") << html;
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return path / name;
  }
  std::string config(const std::string& page) const {
    return fmt::format(R"(
[server]
pages_dir = "{}"
[[listener]]
address = "127.0.0.1:0"
[pool.blue]
servers = ["127.0.0.1:9001"]
[site.web]
pool = "blue"
maintenance = {{ page = "{}" }}
)",
                       path.string(), page);
  }
};

const core::ModeState maintenance{.mode = core::Mode::maintenance};

std::string shown(const app::PageRenderer& renderer, const config::Config& config) {
  const auto answers = renderer.render(config.sites.front(), maintenance);
  return pages::render_body(*answers, core::AnswerForm::html, false, {});
}

}  // namespace

TEST_CASE("a mistake in a page is a problem of the configuration that names the page") {
  const PagesFolder folder;
  folder.write("night", "<p>{{no_such_placeholder}}</p>");
  const auto configured = app::parse_configuration(folder.config("night"), "test.toml");
  REQUIRE_FALSE(configured.has_value());
  REQUIRE(configured.error().size() == 1);
  CHECK(configured.error().front().file == "test.toml");
  CHECK(configured.error().front().message.find("no_such_placeholder") != std::string::npos);
}

TEST_CASE("a group that this machine does not know is a problem of the configuration") {
  const PagesFolder folder;
  folder.write("night", "<p>we sleep</p>");
  auto text = folder.config("night");
  text.insert(text.find("pages_dir"), "admin_group = \"no-such-group\"\n");
  const auto configured = app::load_configuration(folder.file("test.toml", text));
  REQUIRE_FALSE(configured.has_value());
  REQUIRE(configured.error().size() == 1);
  CHECK(configured.error().front().line > 0);
  CHECK(configured.error().front().message == "server.admin_group: there is no group 'no-such-group'");
}

TEST_CASE("a folder that a start would miss is named") {
  const PagesFolder folder;
  config::Server server;
  server.state_dir = folder.path / "state";  // is made
  server.admin_socket = folder.path / "run/admin.sock";
  server.access_log = folder.path / "access.log";
  CHECK(app::missing_folders(server).empty());
  server.access_log = folder.path / "log/access.log";  // is not
  const auto missing = app::missing_folders(server);
  REQUIRE(missing.size() == 1);
  CHECK(missing[0] == fmt::format("'access_log' of [server]: the folder {}/log is missing", folder.path.string()));
}

TEST_CASE("a check says what a start would say because of the state on this machine") {
  const PagesFolder folder;
  folder.write("night", "<p>we sleep</p>");
  auto text = folder.config("night");
  text.insert(text.find("pages_dir"), fmt::format("state_dir = \"{}\"\n", folder.path.string()));
  const auto configured = app::parse_configuration(text, "test.toml");
  REQUIRE(configured.has_value());
  const auto said = [&](const control::State& state) {
    CHECK_FALSE(folder.file("state.json", control::format_state(state)).empty());
    return app::state_warnings(configured->values);
  };
  CHECK(app::state_warnings(configured->values).empty());  // there is none
  control::State state{.epoch = 3, .sites = {{"web", {.pool = "blue"}}}, .servers = {}};
  CHECK(said(state).empty());
  auto& web = state.sites.at("web");
  web.mode.mode = core::Mode::readonly;
  web.file_word = control::FileWord{.pool = "blue", .mode = core::Mode::maintenance};
  REQUIRE(said(state).size() == 1);
  CHECK(said(state)[0].starts_with("the file says mode live for web, which stays readonly as since "));
  web.pool = "green";
  REQUIRE(said(state).size() == 1);
  CHECK(
      said(state)[0].starts_with("as things stand a start with it, or a reload, is refused: site web: its active "
                                 "pool 'green' is not in the configuration"));
  CHECK_FALSE(folder.file("state.json", "{}").empty());
  REQUIRE(app::state_warnings(configured->values).size() == 1);
  CHECK(app::state_warnings(configured->values)[0].ends_with("/state.json has no version"));
  CHECK_FALSE(folder.file("state.json", "{\"version\": 99}").empty());
  CHECK(app::state_warnings(configured->values)[0].starts_with("as things stand a start is refused: "));
}

TEST_CASE("a page is shown from memory, whatever becomes of its folder") {
  const PagesFolder folder;
  folder.write("night", "<p>we sleep</p>");
  auto configured = app::parse_configuration(folder.config("night"), "test.toml");
  REQUIRE(configured.has_value());
  base::EventLog events{false};
  const app::PageRenderer renderer(std::move(configured->pages), events);
  fs::remove_all(folder.path / "night");
  CHECK(shown(renderer, configured->values).find("we sleep") != std::string::npos);
  CHECK(events.since(0).empty());
}

TEST_CASE("pages of a reload that is refused leave those in force within reach") {
  const PagesFolder folder;
  folder.write("night", "<p>we sleep</p>");
  folder.write("day", "<p>we work</p>");
  auto running = app::parse_configuration(folder.config("night"), "test.toml");
  auto wanted = app::parse_configuration(folder.config("day"), "test.toml");
  REQUIRE(running.has_value());
  REQUIRE(wanted.has_value());
  base::EventLog events{false};
  app::PageRenderer renderer(std::move(running->pages), events);
  renderer.use(std::move(wanted->pages));
  CHECK(shown(renderer, running->values).find("we sleep") != std::string::npos);
  CHECK(shown(renderer, wanted->values).find("we work") != std::string::npos);
}
