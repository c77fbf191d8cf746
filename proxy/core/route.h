#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// Finds the site of a request: exact host before wildcard host (longest suffix) before any host; then the longest
// path prefix that ends at a segment border ("/app" covers "/app" and "/app/x", not "/apple"; "/" covers all).
// Hosts compare without case, without port, without a trailing dot. Built once, then read-only and allocation-free.
class RouteTable {
 public:
  struct Claim {
    std::vector<std::string> hosts;  // empty: any host; "*.example.com" covers each name below, not example.com
    std::vector<std::string> paths;  // normal-form prefixes; empty means {"/"}
  };
  struct Match {
    static constexpr std::uint32_t none = 0xffff'ffff;
    std::uint32_t site = none;       // index of the claim
    std::uint32_t prefix_bytes = 0;  // length of the matched prefix in the normal form (for strip_prefix)
  };

  RouteTable();
  explicit RouteTable(const std::vector<Claim>& claims);
  ~RouteTable();
  RouteTable(RouteTable&&) noexcept;
  RouteTable& operator=(RouteTable&&) noexcept;

  // `host` as in RequestHead::host; `path` in normal form.
  Match find(std::string_view host, std::string_view path) const;

 private:
  struct Index;
  std::unique_ptr<Index> index_;
};

}  // namespace drawbridge::core
