#include "proxy/admin/explain.h"

#include "proxy/base/ascii.h"
#include "proxy/http/reader.h"
#include "proxy/http/target.h"
#include "proxy/serve/admission.h"

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
base::Expected<void> split_url(std::string_view url, std::string& authority, ExplainRequest& request) {
  auto& target = request.target;
  if (url == "*") {
    target = url;
    return {};
  }
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos && url.find('/') > scheme) {
    const auto name = url.substr(0, scheme);
    if (!base::iequals(name, "http") && !base::iequals(name, "https")) {
      return std::unexpected(Error{fmt::format("'{}' is no scheme of a web address", name)});
    }
    request.secure = base::iequals(name, "https");
    url.remove_prefix(scheme + 3);
  }
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  authority = url.substr(0, end);
  url.remove_prefix(end);
  target = url.substr(0, url.find('#'));  // a fragment never leaves the browser
  if (target.empty() || target.front() != '/') target.insert(0, "/");
  return {};
}

// The head as a client would send it. The host was judged before, and may be left out.
std::string head_of(const ExplainRequest& request) {
  auto text = fmt::format("{} {} HTTP/1.1\r\nHost: a\r\n", request.method, request.target);
  for (const auto& [name, value] : request.fields) {
    if (!base::iequals(name, "host")) text += fmt::format("{}: {}\r\n", name, value);
  }
  return text + "\r\n";
}

}  // namespace

base::Expected<ExplainRequest> parse_explained(std::string_view method, std::string_view url,
                                               const std::vector<std::string>& headers) {
  if (!is_token(method)) return std::unexpected(Error{fmt::format("'{}' is no method", method)});
  ExplainRequest request;
  request.method = method;
  std::string authority;
  if (auto split = split_url(url, authority, request); !split) return std::unexpected(split.error());
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

Explained explain(const core::Snapshot& snapshot, const ExplainRequest& request) {
  const auto text = head_of(request);
  http::RequestHead head;
  if (const auto refusal = http::parse_request(text, snapshot.bounds.head, head)) return std::unexpected(*refusal);
  auto facts = serve::facts_of(head, request.client ? &*request.client : nullptr);
  facts.host = request.host;
  facts.secure = request.secure;
  return core::explain(snapshot, facts);
}

}  // namespace drawbridge::admin
