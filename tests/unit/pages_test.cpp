#include "pages/answers.h"
#include "pages/escape.h"
#include "pages/reply.h"
#include "pages/template.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace {

using namespace drawbridge;
using namespace std::chrono_literals;
using core::AnswerForm;
using pages::Reply;

constexpr base::WallTime start{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1} + 8h};
constexpr std::string_view attack = "\"><script>alert(1)</script>&'\\\r\nSet-Cookie: a=b";

pages::PageFacts facts(core::Mode mode = core::Mode::maintenance) {
  pages::PageFacts facts;
  facts.site = "shop";
  facts.mode.mode = mode;
  facts.mode.since = start;
  facts.mode.until = start + 30min;
  facts.mode.reason = "schema patch";
  facts.retry_after = 45s;
  return facts;
}

std::string reply_to(const core::AnswerSet& answers, const Reply& reply) {
  std::string out;
  pages::append_reply(answers, reply, out);
  return out;
}

Reply ask(AnswerForm form) {
  Reply reply;
  reply.form = form;
  reply.holes = {90, "abc123", "/cart?a=1&b=2"};
  return reply;
}

std::string body_of(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}
std::string head_of(const std::string& response) {
  return response.substr(0, response.find("\r\n\r\n") + 4);
}

std::string field(const std::string& response, std::string_view name) {
  const std::string head = head_of(response);
  const auto at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return "(none)";
  const auto from = at + 2 + name.size() + 2;
  return head.substr(from, head.find("\r\n", from) - from);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a refusal tells clients, caches and scripts all they need, in every form") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  for (const auto form : {AnswerForm::html, AnswerForm::problem_json, AnswerForm::text, AnswerForm::grpc}) {
    const std::string response = reply_to(*answers, ask(form));
    CHECK(response.starts_with(form == AnswerForm::grpc ? "HTTP/1.1 200 OK\r\n"
                                                        : "HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(field(response, "Retry-After") == "90");
    CHECK(field(response, "Cache-Control") == "no-store");
    CHECK(field(response, "Drawbridge-Not-Processed") == "1");
    CHECK(field(response, "Vary") == "Accept");
    CHECK(field(response, "X-Request-Id") == "abc123");
    CHECK(field(response, "X-Content-Type-Options") == "nosniff");
    CHECK(field(response, "Content-Length") == std::to_string(body_of(response).size()));
  }
}

TEST_CASE("each form has its content type") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  CHECK(field(reply_to(*answers, ask(AnswerForm::html)), "Content-Type") == "text/html; charset=utf-8");
  CHECK(field(reply_to(*answers, ask(AnswerForm::problem_json)), "Content-Type") == "application/problem+json");
  CHECK(field(reply_to(*answers, ask(AnswerForm::text)), "Content-Type") == "text/plain; charset=utf-8");
  CHECK(field(reply_to(*answers, ask(AnswerForm::grpc)), "Content-Type") == "application/grpc");
}

TEST_CASE("HEAD gets the head that GET would get and nothing after it") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  Reply reply = ask(AnswerForm::html);
  const std::string whole = reply_to(*answers, reply);
  reply.head_only = true;
  CHECK(reply_to(*answers, reply) == head_of(whole));
}

TEST_CASE("gRPC gets status 14 as trailers only") {
  auto about = facts();
  about.mode.reason = "50 % of disks\r\nx: y";
  const auto answers = pages::make_mode_answers(about, nullptr);
  const std::string response = reply_to(*answers, ask(AnswerForm::grpc));
  CHECK(field(response, "grpc-status") == "14");
  CHECK(field(response, "grpc-message") == "Down for maintenance%3A 50 %25 of disks%0D%0Ax%3A y");
  CHECK(field(response, "grpc-retry-pushback-ms") == field(response, "Retry-After") + "000");
  CHECK(field(response, "Content-Length") == "0");
  CHECK(body_of(response).empty());
}

TEST_CASE("a long gRPC message is cut between characters") {
  auto about = facts();
  about.mode.reason = "x";
  for (int i = 0; i < 400; ++i) about.mode.reason += "\xc3\xa9";
  const auto answers = pages::make_mode_answers(about, nullptr);
  const std::string message = field(reply_to(*answers, ask(AnswerForm::grpc)), "grpc-message");
  CHECK(message.size() < 1'600);
  CHECK(message.ends_with("%C3%A9"));
}

TEST_CASE("problem details say why, until when and that nothing happened") {
  const auto answers = pages::make_mode_answers(facts(core::Mode::readonly), nullptr);
  const auto problem = boost::json::parse(body_of(reply_to(*answers, ask(AnswerForm::problem_json)))).as_object();
  CHECK(problem.at("type").as_string() == "urn:drawbridge:problem:readonly");
  CHECK(problem.at("status") == 503);
  CHECK(problem.at("mode").as_string() == "readonly");
  CHECK(problem.at("reason").as_string() == "schema patch");
  CHECK(problem.at("since").as_string() == "2026-03-01T08:00:00Z");
  CHECK(problem.at("until").as_string() == "2026-03-01T08:30:00Z");
  CHECK(problem.at("retry_after") == 90);
  CHECK(problem.at("request_id").as_string() == "abc123");
  CHECK(has(std::string{problem.at("detail").as_string()}, "safe to send it again"));
}

TEST_CASE("an end that is not known is not made up") {
  auto about = facts();
  about.mode.until.reset();
  const auto answers = pages::make_mode_answers(about, nullptr);
  CHECK(!boost::json::parse(body_of(reply_to(*answers, ask(AnswerForm::problem_json))))
             .as_object()
             .contains("until"));
  CHECK(!has(body_of(reply_to(*answers, ask(AnswerForm::text))), "Until:"));
  CHECK(has(body_of(reply_to(*answers, ask(AnswerForm::html))), "Not known yet"));
}

TEST_CASE("plain text reads as lines") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  CHECK(body_of(reply_to(*answers, ask(AnswerForm::text))) ==
        "Down for maintenance\n\nThis site is down for maintenance.\nReason: schema patch\n"
        "Since: 1 March 2026, 08:00 UTC\nUntil: 1 March 2026, 08:30 UTC\nTry again in: 90 s\n"
        "Nothing of this request was processed; it is safe to send it again later.\nRequest: abc123\n");
}

TEST_CASE("no value becomes markup, a field or another JSON member") {
  auto about = facts();
  about.site = attack;
  about.mode.reason = attack;
  const auto answers = pages::make_mode_answers(about, nullptr);
  Reply reply = ask(AnswerForm::html);
  reply.holes.request_id = attack;
  reply.holes.return_to = "/\"><script>alert(2)</script>";
  const std::string page = reply_to(*answers, reply);
  CHECK(!has(page, "<script>alert"));
  CHECK(has(page, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;\\  Set-Cookie: a=b"));
  CHECK(has(page, "href=\"/&quot;&gt;&lt;script&gt;alert(2)&lt;/script&gt;\""));
  CHECK(field(page, "X-Request-Id").empty());
  CHECK(field(page, "Set-Cookie") == "(none)");
  CHECK(field(page, "Content-Length") == std::to_string(body_of(page).size()));

  reply.form = AnswerForm::problem_json;
  const auto problem = boost::json::parse(body_of(reply_to(*answers, reply))).as_object();
  CHECK(std::string{problem.at("reason").as_string()} == attack);
  CHECK(problem.at("request_id").as_string() == "");
  reply.form = AnswerForm::text;
  CHECK(!has(reply_to(*answers, reply), "\r\nSet-Cookie"));
  reply.form = AnswerForm::grpc;
  CHECK(field(reply_to(*answers, reply), "Set-Cookie") == "(none)");
}

TEST_CASE("a link to try again stays on this host") {
  for (const std::string_view target :
       {"//evil.example/", "/\\evil.example", "http://evil.example/", "javascript:alert(1)", "", "*", "evil",
        "/a\tb", "/a b", "/\x7f", "/caf\xc3\xa9"}) {
    CAPTURE(target);
    CHECK(pages::local_address(target) == "/");
  }
  CHECK(pages::local_address("/" + std::string(5'000, 'a')) == "/");
  CHECK(pages::local_address("/orders/1?tab=a&b#c") == "/orders/1?tab=a&b#c");
}

TEST_CASE("after a refused change the way back is the page it came from, if it is one of this host") {
  using pages::return_address;
  CHECK(return_address(false, "/cart?x=1", "https://shop.example/old", "shop.example") == "/cart?x=1");
  CHECK(return_address(true, "/orders", "https://shop.example/cart?x=1", "Shop.Example") == "/cart?x=1");
  CHECK(return_address(true, "/orders", "http://shop.example:8080/cart", "shop.example:8080") == "/cart");
  CHECK(return_address(true, "/orders", "https://evil.example/cart", "shop.example") == "/");
  CHECK(return_address(true, "/orders", "https://shop.example//evil.example", "shop.example") == "/");
  CHECK(return_address(true, "/orders", "https://shop.example", "shop.example") == "/");
  CHECK(return_address(true, "/orders", "", "shop.example") == "/");
  CHECK(return_address(true, "/orders", "https:///cart", "") == "/");
}

TEST_CASE("Retry-After counts down to the known end and falls back to the configured time") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  CHECK(pages::retry_after_seconds(*answers, start) == 1'800);
  CHECK(pages::retry_after_seconds(*answers, start + 30min - 1500ms) == 2);
  CHECK(pages::retry_after_seconds(*answers, start + 30min - 1ms) == 1);
  CHECK(pages::retry_after_seconds(*answers, start + 30min) == 1);
  CHECK(pages::retry_after_seconds(*answers, start + 30min + 44s) == 1);
  CHECK(pages::retry_after_seconds(*answers, start + 30min + 45s) == 45);
  auto open_end = facts();
  open_end.mode.until.reset();
  open_end.retry_after = 0s;
  CHECK(pages::retry_after_seconds(*pages::make_mode_answers(open_end, nullptr), start) == 1);
}

TEST_CASE("a refused change is told so, a look is not") {
  const auto answers = pages::make_mode_answers(facts(core::Mode::readonly), nullptr);
  Reply reply = ask(AnswerForm::html);
  CHECK(!has(reply_to(*answers, reply), "was not saved"));
  CHECK(has(reply_to(*answers, reply), "http-equiv=\"refresh\""));
  reply.write = true;
  CHECK(has(reply_to(*answers, reply), "Your change was not saved"));
  CHECK(!has(reply_to(*answers, reply), "http-equiv"));
}

TEST_CASE("a site without servers does not look like maintenance") {
  const auto answers = pages::make_no_server_answers("shop", 10s);
  const std::string page = reply_to(*answers, ask(AnswerForm::html));
  CHECK(page.starts_with("HTTP/1.1 503 "));
  CHECK(field(page, "Drawbridge-Not-Processed") == "1");
  CHECK(!has(page, "Down for maintenance"));
  const auto problem = boost::json::parse(body_of(reply_to(*answers, ask(AnswerForm::problem_json)))).as_object();
  CHECK(problem.at("type").as_string() == "urn:drawbridge:problem:no_server");
  CHECK(problem.at("mode").as_string() == "live");
}

TEST_CASE("a failure of which no server has seen a byte says so in every form, and sends nobody to check") {
  const pages::ErrorAnswers errors;
  for (const unsigned status : {502U, 503U, 504U}) {
    for (const auto form : {AnswerForm::html, AnswerForm::problem_json, AnswerForm::text, AnswerForm::grpc}) {
      const std::string response = reply_to(errors.untouched(status), ask(form));
      CAPTURE(response);
      CHECK(field(response, "Drawbridge-Not-Processed") == "1");
      CHECK(field(response, "Retry-After") == "90");
      CHECK_FALSE(has(response, "took effect"));
    }
  }
}

TEST_CASE("plain failures come in the same four forms and never claim that nothing was processed") {
  const pages::ErrorAnswers errors;
  for (const unsigned status :
       {400U, 404U, 405U, 408U, 413U, 414U, 417U, 421U, 431U, 500U, 501U, 502U, 503U, 504U}) {
    CAPTURE(status);
    const auto& answers = errors.of(status);
    for (const auto form : {AnswerForm::html, AnswerForm::problem_json, AnswerForm::text}) {
      const std::string response = reply_to(answers, ask(form));
      CHECK(response.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
      CHECK(field(response, "Drawbridge-Not-Processed") == "(none)");
      CHECK(field(response, "Retry-After") == "(none)");
      CHECK(has(body_of(response), "abc123"));
    }
    CHECK(field(reply_to(answers, ask(AnswerForm::grpc)), "grpc-status") != "(none)");
  }
  CHECK(errors.untouched(413).status == 413);
  CHECK(field(reply_to(errors.untouched(413), ask(AnswerForm::text)), "Drawbridge-Not-Processed") == "(none)");
  CHECK(errors.of(418).status == 500);
  CHECK(errors.of(505).status == 505);
}

TEST_CASE("a failure after the upstream may have acted says so to whoever sent a change") {
  const pages::ErrorAnswers errors;
  Reply reply = ask(AnswerForm::html);
  CHECK(!has(reply_to(errors.of(504), reply), "check whether it took effect"));
  reply.write = true;
  CHECK(has(reply_to(errors.of(504), reply), "check whether it took effect"));
  CHECK(has(reply_to(errors.of(502), ask(AnswerForm::problem_json)), "check whether it took effect"));
  CHECK(!has(reply_to(errors.of(400), reply), "check whether"));
}

TEST_CASE("the connection's fate and the date are the caller's") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  Reply reply = ask(AnswerForm::text);
  CHECK(field(reply_to(*answers, reply), "Connection") == "(none)");
  CHECK(field(reply_to(*answers, reply), "Date") == "(none)");
  reply.connection = pages::ConnectionField::close;
  reply.date = "Sun, 06 Nov 1994 08:49:37 GMT";
  CHECK(field(reply_to(*answers, reply), "Connection") == "close");
  CHECK(field(reply_to(*answers, reply), "Date") == "Sun, 06 Nov 1994 08:49:37 GMT");
  reply.connection = pages::ConnectionField::keep_alive;
  CHECK(field(reply_to(*answers, reply), "Connection") == "keep-alive");
}

TEST_CASE("a preview is what a visitor would get") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  const Reply reply = ask(AnswerForm::html);
  CHECK(pages::render_body(*answers, AnswerForm::html, false, reply.holes) == body_of(reply_to(*answers, reply)));
}

TEST_CASE("the built-in page allows its own style and script and nothing else") {
  const auto answers = pages::make_mode_answers(facts(), nullptr);
  const std::string policy = field(reply_to(*answers, ask(AnswerForm::html)), "Content-Security-Policy");
  CHECK(has(policy, "default-src 'none'; style-src 'sha256-"));
  CHECK(!has(policy, "unsafe"));
}

TEST_CASE("while a page is shown its question is answered with yes, afterwards with no") {
  const auto answers = pages::make_mode_answers(facts(core::Mode::readonly), nullptr);
  std::string shown, over;
  pages::append_reserved_reply(answers.get(), "state", {}, shown);
  pages::append_reserved_reply(nullptr, "state", {}, over);
  CHECK(shown.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(field(shown, "Drawbridge-Not-Processed") == "1");
  CHECK(over.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(field(over, "Drawbridge-Not-Processed") == "(none)");
  CHECK(field(shown, "Content-Length") == "(none)");
  std::string unknown;
  pages::append_reserved_reply(answers.get(), "logo.svg", {}, unknown);
  CHECK(unknown.starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(field(unknown, "Content-Length") == "0");
}

TEST_CASE("a reserved path names its site and asset") {
  const auto found = core::parse_reserved_path("/.drawbridge/pages/shop/img/logo.svg");
  REQUIRE(found.has_value());
  CHECK(found->site == "shop");
  CHECK(found->asset == "img/logo.svg");
  CHECK(core::parse_reserved_path("/.drawbridge/pages/shop/")->asset.empty());
  for (const std::string_view other : {"/", "/.drawbridge/pages", "/.drawbridge/pages/", "/.drawbridge/pages/shop",
                                       "/.drawbridge/pages//a", "/x"}) {
    CAPTURE(other);
    CHECK(!core::parse_reserved_path(other).has_value());
  }
}
