#include "pages/answers.h"
#include "pages/builtin.h"
#include "pages/forms.h"
#include "pages/template.h"
#include "proxy/base/check.h"
#include "proxy/http/writer.h"

#include <fmt/format.h>

#include <utility>

namespace drawbridge::pages {
namespace {

using Hole = core::AnswerHole::Kind;

constexpr int grpc_deadline_exceeded = 4;

struct ErrorKind {
  std::uint16_t status;
  int grpc_status;  // as gRPC maps HTTP statuses (doc/http-grpc-status-mapping.md), 8 where a limit was passed
  std::string_view detail;
  enum class Upstream : std::uint8_t { not_meant, may_have_acted, untouched } upstream = Upstream::not_meant;

  bool untouched() const { return upstream == Upstream::untouched; }
};

constexpr auto may_have_acted = ErrorKind::Upstream::may_have_acted;
constexpr auto untouched = ErrorKind::Upstream::untouched;

constexpr std::string_view outcome_advice =
    "If the request was a change, check whether it took effect before sending it again.";
constexpr std::string_view untouched_advice = "Nothing of this request was processed; it is safe to send it again.";

constexpr ErrorKind error_kinds[] = {
    {400, 13, "The request is malformed or ambiguous, so it was not passed on."},
    {403, 7, "This address is only for visitors who show a client certificate, and none was shown."},
    {404, 12, "No site is served at this address."},
    {405, 12, "This method is not accepted here."},
    {408, 2, "The request took too long to arrive."},
    {413, 8, "The request is larger than this server accepts."},
    {414, 8, "The address is longer than this server accepts."},
    {417, 2, "The request expects something this server does not do."},
    {421, 2, "The request came on a connection that was made for another host. A new one may be answered."},
    {431, 8, "The request's header fields are larger than this server accepts."},
    {500, 2, "Something went wrong in this server."},
    {501, 12, "The request asks for something this server does not do."},
    {502, 14, "The server behind this one could not be reached or broke off.", may_have_acted},
    {503, 14, "This server is at its limit right now. Please try again in a moment."},
    {504, 14, "The server behind this one took too long to answer.", may_have_acted},
    {505, 2, "This version of HTTP is not spoken here."},
};

constexpr ErrorKind untouched_kinds[] = {
    {502, 14, "The server behind this one could not be reached, or did not take the request.", untouched},
    {503, 14, "This server is at its limit right now. Please try again in a moment.", untouched},
    {504, 14, "The server behind this one could not be reached in time.", untouched},
};

// `advise`: the request was a change, or the form does not know.
std::string detail_of(const ErrorKind& kind, bool advise) {
  if (kind.upstream == ErrorKind::Upstream::not_meant || !advise) return std::string{kind.detail};
  return fmt::format("{} {}", kind.detail, kind.untouched() ? untouched_advice : outcome_advice);
}

core::Answer make_html(const ErrorKind& kind, bool write) {
  const Placeholder values[] = {
      {"status", fmt::format("{}", kind.status)},
      {"title", std::string{http::reason_phrase(kind.status)}},
      {"detail", detail_of(kind, write)},
      {"request_id", "", Hole::request_id},
      {"style", std::string{builtin::style}, {}, true},
  };
  auto body = compile_page(builtin::error, "built-in error page", values);
  DRAWBRIDGE_CHECK(body.has_value());
  return {make_head({kind.status, "text/html; charset=utf-8", kind.untouched(), builtin_policy_field()}),
          std::move(*body)};
}

core::Answer make_json(const ErrorKind& kind) {
  JsonWriter json;
  json.string("type", "about:blank")
      .string("title", http::reason_phrase(kind.status))
      .number("status", kind.status);
  json.string("detail", detail_of(kind, true));
  if (kind.untouched()) json.number_hole("retry_after", Hole::retry_after);
  json.string_hole("request_id", Hole::request_id);
  return {make_head({kind.status, "application/problem+json", kind.untouched(), ""}), json.take()};
}

core::Answer make_text(const ErrorKind& kind) {
  TemplateWriter text;
  text.text(
      fmt::format("{} {}\n\n{}\nRequest: ", kind.status, http::reason_phrase(kind.status), detail_of(kind, true)));
  text.hole(Hole::request_id).text("\n");
  return {make_head({kind.status, "text/plain; charset=utf-8", kind.untouched(), ""}), text.take()};
}

core::AnswerSet make_answers(const ErrorKind& kind) {
  core::AnswerSet answers;
  answers.status = kind.status;
  answers.html = make_html(kind, false);
  answers.html_write = make_html(kind, true);
  answers.problem_json = make_json(kind);
  answers.text = make_text(kind);
  answers.grpc = make_grpc(kind.grpc_status, detail_of(kind, true), kind.untouched());
  return answers;
}

}  // namespace

ErrorAnswers::ErrorAnswers() {
  for (const auto& kind : error_kinds) by_status_[kind.status] = make_answers(kind);
  for (const auto& kind : untouched_kinds) untouched_[kind.status] = make_answers(kind);
  grpc_late_ = of(504);
  grpc_late_.grpc = make_grpc(grpc_deadline_exceeded, "The deadline of this call has passed.", false);
}

const core::AnswerSet& ErrorAnswers::untouched(unsigned status) const {
  const auto found = untouched_.find(status);
  return found != untouched_.end() ? found->second : of(status);
}

const core::AnswerSet& ErrorAnswers::of(unsigned status) const {
  const auto found = by_status_.find(status);
  return found != by_status_.end() ? found->second : by_status_.at(500);
}

}  // namespace drawbridge::pages
