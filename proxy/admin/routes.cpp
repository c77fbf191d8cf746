#include "proxy/admin/routes.h"

#include "pages/reply.h"
#include "proxy/admin/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unistd.h>
#include <utility>
#include <variant>

namespace drawbridge::admin {

namespace json = boost::json;

namespace {

struct Route {
  std::string_view path;
  std::string_view methods;
  Endpoint endpoint;
};

constexpr std::array routes = {
    Route{"/v1/status", "GET", Endpoint::status},
    Route{"/v1/mode", "POST", Endpoint::mode},
    Route{"/v1/wait", "POST", Endpoint::wait},
    Route{"/v1/explain", "POST", Endpoint::explain},
    Route{"/v1/pools", "GET", Endpoint::pools},
    Route{"/v1/server", "POST", Endpoint::server},
    Route{"/v1/pages/preview", "GET, POST", Endpoint::preview},
    Route{"/v1/history", "GET", Endpoint::history},
    Route{"/v1/events", "GET", Endpoint::events},
    Route{"/v1/reload", "POST", Endpoint::reload},
    Route{"/v1/cutover", "POST", Endpoint::cutover},
    Route{"/v1/rollback", "POST", Endpoint::rollback},
    Route{"/v1/cutover/continue", "POST", Endpoint::run_ended},
    Route{"/v1/cutover/abort", "POST", Endpoint::abort},
    Route{"/v1/doctor", "GET", Endpoint::doctor},
    Route{"/v1/version", "GET", Endpoint::version},
    Route{"/v1/metrics", "GET", Endpoint::metrics},
};

bool allows(std::string_view methods, std::string_view method) {
  while (!methods.empty()) {
    const auto one = methods.substr(0, methods.find(", "));
    if (one == method) return true;
    methods.remove_prefix(std::min(methods.size(), one.size() + 2));
  }
  return false;
}

Response version_response(const Api& api) {
  const control::Status status = api.status();
  return json_response({{"program", "proxyd"},
                        {"version", DRAWBRIDGE_VERSION},
                        {"pid", ::getpid()},
                        {"started_at", base::format_time(status.started_at)},
                        {"epoch", status.epoch}});
}

Response history_response(const Target& target, const Api& api) {
  const auto request = parse_history(target);
  if (!request) return problem_response(request.error());
  return json_response(history_document(api.history(request->site, request->count)));
}

Response explain_response(std::string_view body, const Api& api) {
  const auto request = parse_explain(body);
  if (!request) return problem_response(request.error());
  return json_response(explain_document(api.explain(*request)));
}

std::string_view form_name(core::AnswerForm form) {
  switch (form) {
    case core::AnswerForm::html:
      return "html";
    case core::AnswerForm::problem_json:
      return "json";
    case core::AnswerForm::text:
      return "text";
    case core::AnswerForm::grpc:
      return "grpc";
  }
  return "unknown";
}

// The mode as it would be: what was asked for, else what the site is in, else maintenance from now on.
core::ModeState previewed_mode(const PreviewRequest& request, const control::Status& status) {
  core::ModeState mode;
  mode.mode = core::Mode::maintenance;
  mode.since = status.now;
  for (const auto& site : status.sites) {
    const bool fits = !request.mode || request.mode == site.mode.mode;
    if (site.name == request.site && site.mode.mode != core::Mode::live && fits) mode = site.mode;
  }
  if (request.mode) mode.mode = *request.mode;
  if (!request.reason.empty()) mode.reason = request.reason;
  if (request.lasts) mode.until = status.now + *request.lasts;
  return mode;
}

Response preview_response(const Asked& asked, const Api& api) {
  const auto request = asked.method == "POST" ? parse_preview(asked.body) : parse_preview(asked.target);
  if (!request) return problem_response(request.error());
  const control::Status status = api.status();
  const core::ModeState mode = previewed_mode(*request, status);
  const auto answers = api.preview(request->site, mode);
  if (!answers) return problem_response(from_refusal(answers.error()));

  pages::Reply reply;
  reply.form = request->form;
  const std::string date = base::format_http_date(status.now);
  reply.date = date;
  reply.holes.retry_after_seconds = pages::retry_after_seconds(**answers, status.now);
  reply.holes.request_id = "preview";
  reply.holes.return_to = "/";
  std::string whole;
  pages::append_reply(**answers, reply, whole);
  const auto end = std::min(whole.find("\r\n\r\n"), whole.size());
  json::object document{{"site", request->site},          {"mode", core::name(mode.mode)},
                        {"as", form_name(request->form)}, {"status", (*answers)->status},
                        {"head", whole.substr(0, end)},   {"body", whole.substr(std::min(whole.size(), end + 4))}};
  for (const auto& site : status.sites) {
    const bool shown_by_pool = mode.mode == core::Mode::maintenance && !site.notice_pool.empty();
    if (site.name == request->site && shown_by_pool) document["notice_pool"] = site.notice_pool;
  }
  return json_response(document);
}

}  // namespace

bool takes_query(Endpoint endpoint) {
  return endpoint == Endpoint::status || endpoint == Endpoint::history || endpoint == Endpoint::events ||
         endpoint == Endpoint::preview;
}

std::expected<Endpoint, Response> find_endpoint(std::string_view method, std::string_view path) {
  const auto route = std::find_if(routes.begin(), routes.end(), [&](const Route& r) { return r.path == path; });
  if (route == routes.end()) {
    return std::unexpected(problem_response({404, "not_found", "there is no such path; see docs/ADMIN.md", {}}));
  }
  if (allows(route->methods, method)) return route->endpoint;
  auto refused =
      problem_response({405, "method_not_allowed", fmt::format("{} takes {}", route->path, route->methods), {}});
  refused.allow = route->methods;
  return std::unexpected(std::move(refused));
}

Response answer_now(Endpoint endpoint, const Asked& asked, const Api& api) {
  switch (endpoint) {
    case Endpoint::pools:
      return json_response(pools_document(api.status(), api));
    case Endpoint::version:
      return version_response(api);
    case Endpoint::history:
      return history_response(asked.target, api);
    case Endpoint::explain:
      return explain_response(asked.body, api);
    case Endpoint::preview:
      return preview_response(asked, api);
    case Endpoint::status:
    case Endpoint::mode:
    case Endpoint::wait:
    case Endpoint::server:
    case Endpoint::events:
    case Endpoint::reload:
    case Endpoint::cutover:
    case Endpoint::rollback:
    case Endpoint::run_ended:
    case Endpoint::abort:
    case Endpoint::doctor:
    case Endpoint::metrics:
      break;
  }
  return problem_response({500, "internal", "this needs more than an answer", {}});
}

Parsed<core::Command> parse_command(Endpoint endpoint, const Asked& asked) {
  if (endpoint == Endpoint::mode) return parse_mode_command(asked.body, base::now().wall);
  if (endpoint == Endpoint::server) return parse_server_command(asked.body);
  if (endpoint == Endpoint::cutover) return parse_cutover_command(asked.body, false);
  if (endpoint == Endpoint::rollback) return parse_cutover_command(asked.body, true);
  return parse_reload_command(asked.body);
}

std::optional<Problem> check_stream(const core::Command& command, bool streamed) {
  const auto* cutover = std::get_if<core::CutoverCommand>(&command.what);
  if (streamed || cutover == nullptr || !cutover->run) return std::nullopt;
  return bad_request("'run' needs Accept: application/x-ndjson: it is told there when to run");
}

Response end_run(std::string_view body, Api& api) {
  const auto ended = parse_run_ended(body);
  if (!ended) return problem_response(ended.error());
  const auto taken = api.run_ended(ended->site, ended->id, ended->exit_code, ended->output, ended->stopped);
  return taken ? json_response({{"continued", true}}) : problem_response(from_refusal(taken.error()));
}

Response abort_cutover(std::string_view body, const core::Actor& actor, Api& api) {
  const auto abort = parse_abort(body);
  if (!abort) return problem_response(abort.error());
  const auto taken = api.abort_cutover(abort->site, actor, abort->now);
  if (!taken) return problem_response(from_refusal(taken.error()));
  boost::json::object answer{{"aborted", true}, {"site", abort->site}};
  for (const auto& one : api.status().sites) {
    if (one.name != abort->site) continue;
    answer["pool"] = one.pool;
    const bool stops = one.cutover && one.cutover->stage == core::CutoverStage::stop;
    if (stops) answer["stopping_ms"] = one.cutover->left.value_or(base::Millis(0)).count();
  }
  return json_response(std::move(answer));
}

}  // namespace drawbridge::admin
