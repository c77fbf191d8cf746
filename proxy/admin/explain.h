#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/explain.h"

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
  std::string target;  // path and query, as it would stand in the request line
  std::vector<std::pair<std::string, std::string>> fields;
};

// "https://shop.example/a?b", "shop.example/a", "/a"; `headers` are lines "Name: value". A Host line wins.
base::Expected<ExplainRequest> parse_explained(std::string_view method, std::string_view url,
                                               const std::vector<std::string>& headers);

// nullopt: this is no HTTP, so no rule is asked and the answer is 400.
std::optional<core::Explanation> explain(const core::Snapshot& snapshot, const ExplainRequest& request);

}  // namespace drawbridge::admin
