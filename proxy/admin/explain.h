#pragma once

#include "proxy/base/failure.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::core {
struct Snapshot;
}

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

// What would be done with it, in words.
struct Explained {
  std::string verdict, site, mode, request_class, why, rule, pool;
  std::string path;                // the normal form that rules saw
  unsigned status = 0;             // of an answer of our own; 0 if a server answers
  std::vector<std::string> steps;  // how it came to that, in order
};

Explained explain(const core::Snapshot& snapshot, const ExplainRequest& request);

}  // namespace drawbridge::admin
