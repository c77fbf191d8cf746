#include "proxy/admin/explain.h"

#include "proxy/base/ascii.h"
#include "proxy/core/plan.h"
#include "proxy/http/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::admin {

namespace {

using base::Error;

bool is_token(std::string_view text) {
  constexpr std::string_view special = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return base::is_alpha(c) || base::is_digit(c) || special.find(c) != std::string_view::npos;
  });
}

// Splits "https://host:80/path?query" and "host/path"; a URL that begins with a slash has no host.
base::Expected<void> split_url(std::string_view url, std::string& authority, std::string& target) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos && url.find('/') > scheme) {
    const auto name = url.substr(0, scheme);
    if (!base::iequals(name, "http") && !base::iequals(name, "https")) {
      return std::unexpected(Error{fmt::format("'{}' is no scheme of a web address", name)});
    }
    url.remove_prefix(scheme + 3);
  }
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  authority = url.substr(0, end);
  url.remove_prefix(end);
  target = url.substr(0, url.find('#'));  // a fragment never leaves the browser
  if (target.empty() || target.front() != '/') target.insert(0, "/");
  return {};
}

const std::string* find_field(const ExplainRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.fields) {
    if (base::iequals(key, name)) return &value;
  }
  return nullptr;
}

std::size_t count_fields(const ExplainRequest& request, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(request.fields.begin(), request.fields.end(),
                    [&](const auto& field) { return base::iequals(field.first, name); }));
}

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(','));
    if (base::iequals(base::trim(one), token)) return true;
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return false;
}

core::RequestFacts facts_of(const ExplainRequest& request, const http::RequestLine& line) {
  core::RequestFacts facts;
  facts.method = request.method;
  facts.host = request.host;
  facts.path = line.path;
  facts.query = line.query;
  constexpr std::string_view names[] = {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (const auto* value = find_field(request, names[i])) facts.overrides[i] = *value;
    facts.override_repeated = facts.override_repeated || count_fields(request, names[i]) > 1;
  }
  const auto* connection = find_field(request, "Connection");
  facts.upgrade =
      connection != nullptr && has_token(*connection, "upgrade") && find_field(request, "Upgrade") != nullptr;
  return facts;
}

}  // namespace

base::Expected<ExplainRequest> parse_explained(std::string_view method, std::string_view url,
                                               const std::vector<std::string>& headers) {
  if (!is_token(method)) return std::unexpected(Error{fmt::format("'{}' is no method", method)});
  ExplainRequest request;
  request.method = method;
  std::string authority;
  if (auto split = split_url(url, authority, request.target); !split) return std::unexpected(split.error());
  for (const std::string_view line : headers) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return std::unexpected(Error{fmt::format("'{}' is no header line; it looks like 'Name: value'", line)});
    }
    const std::string value(base::trim(line.substr(colon + 1)));
    if (base::iequals(line.substr(0, colon), "host")) authority = value;
    request.fields.emplace_back(line.substr(0, colon), value);
  }
  if (authority.empty()) return request;
  const auto parsed = http::parse_authority(authority);
  if (!parsed) return std::unexpected(Error{fmt::format("'{}' is no host", authority)});
  request.host = parsed->host;
  return request;
}

std::optional<core::Explanation> explain(const core::Snapshot& snapshot, const ExplainRequest& request) {
  http::RequestLine line;
  const std::string text = request.method + " " + request.target + " HTTP/1.1";
  if (http::parse_request_line(text, line)) return std::nullopt;
  return core::explain(snapshot, facts_of(request, line));
}

}  // namespace drawbridge::admin
