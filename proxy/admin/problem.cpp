#include "proxy/admin/problem.h"

#include <boost/json/array.hpp>

#include <utility>

namespace drawbridge::admin {

namespace {

unsigned status_of(control::RefusalCode code) {
  switch (code) {
    case control::RefusalCode::bad_request:
      return 400;
    case control::RefusalCode::refused:
    case control::RefusalCode::config_invalid:
    case control::RefusalCode::needs_restart:
      return 422;
    case control::RefusalCode::unknown_site:
    case control::RefusalCode::unknown_pool:
    case control::RefusalCode::unknown_server:
      return 404;
    case control::RefusalCode::epoch_changed:
      return 409;
    case control::RefusalCode::not_stored:
      return 507;
    case control::RefusalCode::shutting_down:
      return 503;
  }
  return 500;
}

std::string_view title_of(unsigned status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 403:
      return "Permission denied";
    case 404:
      return "Not found";
    case 405:
      return "Method not allowed";
    case 408:
      return "Too slow";
    case 409:
      return "Epoch changed";
    case 413:
      return "Too large";
    case 422:
      return "Refused";
    case 503:
      return "Not available";
    case 507:
      return "Not stored";
    default:
      return "Internal error";
  }
}

}  // namespace

Problem bad_request(std::string detail) {
  return {400, "bad_request", std::move(detail), {}};
}

Problem from_refusal(const control::Refusal& refusal) {
  Problem problem{status_of(refusal.code), std::string(name(refusal.code)), refusal.message, {}};
  if (!refusal.hint.empty()) problem.more["hint"] = refusal.hint;
  if (!refusal.keys.empty()) problem.more["keys"] = boost::json::array(refusal.keys.begin(), refusal.keys.end());
  if (refusal.problems.empty()) return problem;
  boost::json::array problems;
  for (const auto& found : refusal.problems) {
    problems.push_back({{"file", found.file},
                        {"line", found.line},
                        {"column", found.column},
                        {"key", found.key},
                        {"message", found.message},
                        {"suggestion", found.suggestion},
                        {"text", config::format(found)}});
  }
  problem.more["problems"] = std::move(problems);
  return problem;
}

boost::json::object document(const Problem& problem) {
  boost::json::object object{{"type", "about:blank"},
                             {"title", title_of(problem.status)},
                             {"status", problem.status},
                             {"code", problem.code},
                             {"detail", problem.detail}};
  for (const auto& member : problem.more) object[member.key()] = member.value();
  return object;
}

}  // namespace drawbridge::admin
