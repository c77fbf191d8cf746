#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/explain.h"
#include "proxy/http/forwarded.h"
#include "proxy/http/rules.h"

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::admin {

// A request that somebody asks about, taken apart as the data path would.
struct ExplainRequest {
  std::string method;
  std::string host;    // without port
  bool secure = true;  // over TLS; the URL may say http://
  std::string target;  // path and query, as it would stand in the request line
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<http::IpAddress> client;  // the address it would come from; none: not said
};

// "https://shop.example/a?b", "shop.example/a", "/a", "*"; `headers` are lines "Name: value". A Host line wins.
base::Expected<ExplainRequest> parse_explained(std::string_view method, std::string_view url,
                                               const std::vector<std::string>& headers);

// A refusal: the head itself is refused, so no rule of the site is asked.
using Explained = std::expected<core::Explanation, http::Refusal>;

// Judged by the parser of the data path, and decided by its code.
Explained explain(const core::Snapshot& snapshot, const ExplainRequest& request);

}  // namespace drawbridge::admin
