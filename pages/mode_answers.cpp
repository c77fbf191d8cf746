#include "pages/answers.h"
#include "pages/builtin.h"
#include "pages/forms.h"
#include "pages/page_values.h"
#include "proxy/base/check.h"

#include <fmt/format.h>

#include <utility>

namespace drawbridge::pages {
namespace {

using Hole = core::AnswerHole::Kind;

constexpr int grpc_unavailable = 14;
constexpr std::string_view safe_to_repeat =
    "Nothing of this request was processed; it is safe to send it again later.";

struct Wording {
  std::string_view title;
  std::string_view detail;
};

Wording wording_of(PageKind kind) {
  switch (kind) {
    case PageKind::readonly:
      return {"Read-only for now", "This site can be read as usual, but it accepts no changes right now."};
    case PageKind::hold:
      return {"Switching over", "This site is being switched over and could not take the request in time."};
    case PageKind::maintenance:
      return {"Down for maintenance", "This site is down for maintenance."};
    case PageKind::no_server:
      return {"No server available",
              "None of this site's servers can answer right now. This is not announced maintenance."};
  }
  return {};
}

PageKind kind_of(core::Mode mode) {
  switch (mode) {
    case core::Mode::readonly:
      return PageKind::readonly;
    case core::Mode::hold:
      return PageKind::hold;
    case core::Mode::maintenance:
      return PageKind::maintenance;
    case core::Mode::live:
      break;
  }
  DRAWBRIDGE_CHECK(mode != core::Mode::live);
  std::unreachable();
}

core::Answer make_html(const PageFacts& facts, PageKind kind, bool write, const PageFolder* folder) {
  auto values = page_values(facts, kind, write);
  values.push_back({"style", std::string{builtin::style}, {}, true});
  values.push_back({"script", std::string{builtin::script}, {}, true});
  auto body = folder != nullptr ? compile_page(folder->html, folder->file, values)
                                : compile_page(builtin::page, "built-in page", values);
  DRAWBRIDGE_CHECK(body.has_value());  // a folder's page was compiled when it was read
  const std::string policy = folder != nullptr ? "" : builtin_policy_field();
  return {make_head({503, "text/html; charset=utf-8", true, policy}), std::move(*body)};
}

core::Answer make_json(const PageFacts& facts, PageKind kind) {
  const Wording wording = wording_of(kind);
  JsonWriter json;
  json.string("type", fmt::format("urn:drawbridge:problem:{}", name(kind)));
  json.string("title", wording.title).number("status", 503);
  json.string("detail", fmt::format("{} {}", wording.detail, safe_to_repeat));
  json.string("site", facts.site).string("mode", kind == PageKind::no_server ? "live" : name(kind));
  if (!facts.mode.reason.empty()) json.string("reason", facts.mode.reason);
  if (kind != PageKind::no_server) json.string("since", base::format_time(facts.mode.since));
  if (facts.mode.until) json.string("until", base::format_time(*facts.mode.until));
  json.number_hole("retry_after", Hole::retry_after).string_hole("request_id", Hole::request_id);
  return {make_head({503, "application/problem+json", true, ""}), json.take()};
}

core::Answer make_text(const PageFacts& facts, PageKind kind) {
  const Wording wording = wording_of(kind);
  TemplateWriter text;
  text.text(wording.title).text("\n\n").text(wording.detail).text("\n");
  if (!facts.mode.reason.empty()) text.text(fmt::format("Reason: {}\n", one_line(facts.mode.reason)));
  if (kind != PageKind::no_server) text.text(fmt::format("Since: {}\n", describe_time(facts.mode.since)));
  if (facts.mode.until) text.text(fmt::format("Until: {}\n", describe_time(*facts.mode.until)));
  text.text("Try again in: ").hole(Hole::retry_after).text(" s\n");
  text.text(safe_to_repeat).text("\nRequest: ").hole(Hole::request_id).text("\n");
  return {make_head({503, "text/plain; charset=utf-8", true, ""}), text.take()};
}

std::string grpc_message(const PageFacts& facts, PageKind kind) {
  const std::string_view title = wording_of(kind).title;
  return facts.mode.reason.empty() ? std::string{title} : fmt::format("{}: {}", title, facts.mode.reason);
}

std::shared_ptr<const core::AnswerSet> make_answers(const PageFacts& facts, PageKind kind,
                                                    const PageFolder* folder) {
  auto answers = std::make_shared<core::AnswerSet>();
  answers->status = 503;
  answers->html = make_html(facts, kind, false, folder);
  answers->html_write = make_html(facts, kind, true, folder);
  answers->problem_json = make_json(facts, kind);
  answers->text = make_text(facts, kind);
  answers->grpc = make_grpc(grpc_unavailable, grpc_message(facts, kind), true);
  answers->retry_after = facts.retry_after;
  answers->until = facts.mode.until;
  if (folder != nullptr) answers->assets = folder->assets;
  return answers;
}

}  // namespace

std::shared_ptr<const core::AnswerSet> make_mode_answers(const PageFacts& facts, const PageFolder* folder) {
  return make_answers(facts, kind_of(facts.mode.mode), folder);
}

std::shared_ptr<const core::AnswerSet> make_no_server_answers(const std::string& site, base::Millis retry_after) {
  PageFacts facts;
  facts.site = site;
  facts.retry_after = retry_after;
  return make_answers(facts, PageKind::no_server, nullptr);
}

}  // namespace drawbridge::pages
