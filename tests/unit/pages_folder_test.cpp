#include "pages/answers.h"
#include "pages/folder.h"
#include "pages/reply.h"
#include "pages/shelf.h"
#include "pages/template.h"
#include "proxy/base/ids.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace drawbridge;
namespace fs = std::filesystem;
using pages::Placeholder;

// A pages_dir of its own, gone with the test.
class PagesDir {
 public:
  PagesDir() : root_(fs::temp_directory_path() / std::string{base::IdSource().next().view()}) {
    fs::create_directories(root_ / "night");
  }
  ~PagesDir() { fs::remove_all(root_); }
  PagesDir(const PagesDir&) = delete;
  PagesDir& operator=(const PagesDir&) = delete;

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / "night" / name).parent_path());
    std::ofstream(root_ / "night" / name, std::ios::binary) << text;
  }
  fs::path page(const std::string& name) const { return root_ / "night" / name; }
  const fs::path& root() const { return root_; }

  std::string error(const pages::FolderLimits& limits = {}) const {
    const auto loaded = pages::load_page_folder(root_, "night", limits);
    return loaded ? "" : loaded.error().message;
  }

 private:
  fs::path root_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string compiled(std::string_view page) {
  const Placeholder values[] = {
      {"name", "a<b"}, {"none", ""}, {"id", "", core::AnswerHole::Kind::request_id}, {"raw", "<i>", {}, true}};
  const auto result = pages::compile_page(page, "p.html", values);
  return result ? result->literal : "ERROR " + result.error().message;
}

}  // namespace

TEST_CASE("placeholders and sections do what they say") {
  CHECK(compiled("x {{name}} {{ name }} y") == "x a&lt;b a&lt;b y");
  CHECK(compiled("{{#name}}yes{{/name}}{{^name}}no{{/name}}") == "yes");
  CHECK(compiled("{{#none}}yes{{/none}}{{^none}}no{{/none}}") == "no");
  CHECK(compiled("{{#id}}hole{{/id}}{{^id}}none{{/id}}") == "hole");
  CHECK(compiled("{{#none}}a{{#name}}b{{/name}}c{{/none}}d") == "d");
  CHECK(compiled("{{! {{a note} }}x") == "x");
  CHECK(compiled("{{raw}}") == "<i>");
  CHECK(compiled("a { b }} {{ {{}} {{=x}} {{a b}} {{") == "a { b }} {{ {{}} {{=x}} {{a b}} {{");
}

TEST_CASE("a section that is not shown leaves no hole behind") {
  const Placeholder values[] = {{"none", ""}, {"id", "", core::AnswerHole::Kind::request_id}};
  const auto result = pages::compile_page("ab{{#none}}{{id}}{{/none}}c{{id}}", "p.html", values);
  REQUIRE(result.has_value());
  CHECK(result->literal == "abc");
  REQUIRE(result->holes.size() == 1);
  CHECK(result->holes[0].at == 3);
}

TEST_CASE("a mistake in a page is told with file and line") {
  CHECK(compiled("a\nb {{nmae}}") == "ERROR p.html:2: unknown placeholder {{nmae}}; known are: name none id");
  CHECK(has(compiled("{{#unknown}}{{/unknown}}"), "p.html:1: unknown placeholder {{unknown}}"));
  CHECK(compiled("{{none}}\n{{#name}}\n") == "ERROR p.html:2: section {{#name}} is never closed");
  CHECK(compiled("\n\n{{/name}}") == "ERROR p.html:3: {{/name}} closes a section that is not open");
  CHECK(compiled("{{#name}}\n{{/none}}") == "ERROR p.html:2: {{/none}} where {{/name}} of line 1 is expected");
  CHECK(has(compiled("<SCRIPT>\nlet a = '{{name}}'</script>"), "p.html:2: {{name}} inside <script>"));
  CHECK(compiled("<script>{{#name}}a{{/name}}</script>{{name}}") == "<script>a</script>a&lt;b");
  std::string deep;
  for (int i = 0; i < 17; ++i) deep += "{{#name}}";
  CHECK(has(compiled(deep), "nested too deeply"));
}

TEST_CASE("an operator's page is shown with its values and serves its own files") {
  PagesDir dir;
  dir.write(
      "index.html",
      "<link href=\"{{assets}}/style.css\"><h1>{{site}} {{mode}}</h1>{{#write}}not saved{{/write}}"
      "<p>{{reason}} {{until}} {{until_iso}} {{since}} {{retry_after}} {{request_id}}<a href=\"{{return_to}}\">");
  dir.write("style.css", "h1{}");
  dir.write("img/logo.SVG", "<svg/>");
  dir.write(".hidden", "no");
  dir.write(".git/config.txt", "no");
  const auto folder = pages::load_page_folder(dir.root(), "night");
  REQUIRE_MESSAGE(folder.has_value(), dir.error());

  pages::PageFacts facts;
  facts.site = "shop";
  facts.mode.mode = core::Mode::readonly;
  facts.mode.reason = "<moving>";
  facts.mode.until = base::WallTime{std::chrono::hours{24}};
  const auto answers = pages::make_mode_answers(facts, folder->get());
  CHECK(pages::render_body(*answers, core::AnswerForm::html, true, {7, "id1", "/a?b&c"}) ==
        "<link href=\"/.drawbridge/pages/shop/style.css\"><h1>shop readonly</h1>not saved"
        "<p>&lt;moving&gt; 2 January 1970, 00:00 UTC 1970-01-02T00:00:00Z 1 January 1970, 00:00 UTC 7 id1"
        "<a href=\"/a?b&amp;c\">");

  REQUIRE(answers->assets->size() == 2);
  std::string reply;
  pages::append_reserved_reply(answers.get(), "img/logo.SVG", {}, reply);
  CHECK(reply.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(reply, "Content-Type: image/svg+xml\r\n"));
  CHECK(has(reply, "X-Content-Type-Options: nosniff\r\n"));
  CHECK(has(reply, "Content-Length: 6\r\n\r\n<svg/>"));
  std::string head;
  pages::append_reserved_reply(answers.get(), "style.css", {.head_only = true}, head);
  CHECK(head.ends_with("Content-Length: 4\r\n\r\n"));
}

TEST_CASE("the example folder is one that can be shown") {
  const auto folder = pages::load_page_folder(DRAWBRIDGE_SOURCE_DIR "/config/examples/pages", "upgrading");
  REQUIRE_MESSAGE(folder.has_value(), folder.error().message);
  CHECK((*folder)->assets->size() == 2);
}

TEST_CASE("a folder that cannot be shown is refused with the reason") {
  PagesDir dir;
  CHECK(has(dir.error(), "has no index.html"));
  dir.write("index.html", "a\n{{untill}}");
  CHECK(has(dir.error(), "index.html:2: unknown placeholder {{untill}}"));
  dir.write("index.html", "ok");
  CHECK(dir.error().empty());
  dir.write("notes.docx", "");
  CHECK(has(dir.error(), "notes.docx: not a kind of file that is served"));
  fs::remove(dir.page("notes.docx"));
  dir.write("a b.css", "");
  CHECK(has(dir.error(), "a b.css: only letters"));
  fs::remove(dir.page("a b.css"));
  dir.write("a/b/c/d/e.css", "");
  CHECK(has(dir.error(), "nested too deeply"));
}

TEST_CASE("a folder's name cannot lead elsewhere") {
  PagesDir dir;
  dir.write("index.html", "ok");
  for (const std::string_view name : {"", ".", "..", "../night", "night/", "/etc", ".night", "a b"}) {
    CAPTURE(name);
    CHECK(!pages::load_page_folder(dir.root(), name).has_value());
  }
  CHECK(has(pages::load_page_folder(dir.root(), "day").error().message, "day: No such file"));
}

TEST_CASE("a link inside the folder is followed, one that leads out is not") {
  PagesDir dir;
  dir.write("..data/index.html", "from the mount");
  fs::create_symlink("..data/index.html", dir.page("index.html"));
  CHECK(dir.error().empty());
  CHECK((*pages::load_page_folder(dir.root(), "night"))->html == "from the mount");
  std::ofstream(dir.root() / "secret.txt") << "secret";
  fs::create_symlink("../secret.txt", dir.page("leak.txt"));
  CHECK(has(dir.error(), "leak.txt: a link that leads out"));
  fs::remove(dir.page("leak.txt"));
  fs::create_directory_symlink("..", dir.page("up.css"));
  CHECK(!dir.error().empty());
  fs::remove(dir.page("up.css"));
  fs::create_directory(dir.root() / "nightly");
  std::ofstream(dir.root() / "nightly" / "a.txt") << "neighbour";
  fs::create_symlink("../nightly/a.txt", dir.page("a.txt"));
  CHECK(has(dir.error(), "a link that leads out"));
}

TEST_CASE("a folder has bounds") {
  PagesDir dir;
  dir.write("index.html", "0123456789");
  dir.write("a.txt", "0123456789");
  pages::FolderLimits limits;
  limits.html_bytes_max = limits.file_bytes_max = 10;
  limits.total_bytes_max = 20;
  limits.files_max = 1;
  CHECK(dir.error(limits).empty());
  dir.write("b.txt", "");
  CHECK(has(dir.error(limits), "more than 1 files"));
  limits.files_max = 2;
  dir.write("b.txt", "1");
  CHECK(has(dir.error(limits), "more than 20 bytes in all"));
  fs::remove(dir.page("b.txt"));
  dir.write("a.txt", "0123456789+");
  CHECK(has(dir.error(limits), "a.txt: larger than 10 bytes"));
}

TEST_CASE("the folders of a configuration are read together and every mistake is told") {
  PagesDir dir;
  dir.write("index.html", "{{untill}}");
  const auto broken = pages::PageShelf::load(dir.root(), {"", "day", "night"});
  REQUIRE(!broken.has_value());
  REQUIRE(broken.error().size() == 2);
  CHECK(has(broken.error()[0].message, "day"));
  CHECK(has(broken.error()[1].message, "{{untill}}"));

  dir.write("index.html", "ok");
  const auto shelf = pages::PageShelf::load(dir.root(), {"", "night"});
  REQUIRE(shelf.has_value());
  CHECK(shelf->find("night")->html == "ok");
  CHECK(shelf->find("") == nullptr);
  CHECK(shelf->find("day") == nullptr);
}
