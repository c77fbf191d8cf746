#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

// Finds the site of a request: exact host before wildcard host (longest suffix) before any host; then the longest
// path prefix that ends at a segment border ("/app" covers "/app" and "/app/x", not "/apple"; "/" covers all). A
// host none of whose prefixes covers the path gives way to the next less exact one. Hosts compare without case,
// without port, without a trailing dot. Of claims that are equal the first wins. Built once, then read-only,
// allocation-free.
class RouteTable {
 public:
  struct Claim {
    std::vector<std::string> hosts;  // empty: any host; "*.example.com" covers each name below, not example.com
    std::vector<std::string> paths;  // normal-form prefixes; empty means {"/"}
  };
  struct Match {
    static constexpr std::uint32_t none = 0xffff'ffff;
    std::uint32_t site = none;  // index of the claim
    // Length of the matched prefix in the normal form, without a slash at its end; 0 for "/". So what is left of
    // the path when it is stripped is empty or begins with a slash.
    std::uint32_t prefix_bytes = 0;
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
