// What the decision on one request costs, by the slices that its site has. Best of several rounds, in nanoseconds;
// a figure to compare with itself on one machine.
#include "proxy/base/check.h"
#include "proxy/core/plan.h"
#include "proxy/http/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace drawbridge;

namespace {

constexpr int rounds = 20;
constexpr int calls_per_round = 20'000;

const std::string request =
    "POST /catalogue/shoes?page=2&sort=price HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example.com/catalogue\r\n"
    "X-Tenant: nobody\r\n"
    "Cookie: session=0af7651916cd43dd8448eb211c80319c; theme=dark\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Content-Length: 0\r\n\r\n";

std::unique_ptr<core::Snapshot> town(const std::vector<std::string>& matches) {
  auto snapshot = std::make_unique<core::Snapshot>();
  snapshot->pools.push_back(std::make_unique<core::PoolView>());
  snapshot->sites.push_back(std::make_unique<core::SiteView>());
  auto& site = *snapshot->sites.back();
  site.pool = snapshot->pools.back().get();
  snapshot->routes = core::RouteTable({core::RouteTable::Claim{}});
  if (matches.empty()) return snapshot;
  auto placement = std::make_shared<core::Placement>();
  auto split = std::make_unique<core::Split>();
  for (const auto& text : matches) {
    placement->slices.push_back({.id = 0, .match = *core::SliceMatch::parse(text), .pool = 0});
    split->pools.push_back(site.pool);
  }
  split->now = std::move(placement);
  site.split = std::move(split);
  return snapshot;
}

void measure(std::string_view what, const std::vector<std::string>& matches) {
  const auto snapshot = town(matches);
  http::RequestHead head;
  DRAWBRIDGE_CHECK(!http::parse_request(request, {}, head));
  const core::RequestFacts facts{.method = head.method_text,
                                 .host = head.host,
                                 .path = head.path,
                                 .query = head.query,
                                 .headers = &head.headers};
  double best = 1e18;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int call = 0; call < calls_per_round; ++call) {
      DRAWBRIDGE_CHECK(core::decide(*snapshot, facts).verdict == core::Verdict::forward);
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / calls_per_round);
  }
  fmt::print("{:<32} {:>8.0f} ns\n", what, best);
}

std::vector<std::string> tenants(int count) {
  std::vector<std::string> matches;
  for (int i = 0; i < count; ++i) matches.push_back(fmt::format("header:X-Tenant=customer-{}", i));
  return matches;
}

}  // namespace

int main() {
  measure("no slices", {});
  measure("1 by header", tenants(1));
  measure("1 by cookie", {"cookie:tenant=acme"});
  measure("1 by path", {"path:/eu"});
  measure("1 by percentage", {"percent:10 by cookie:session"});
  measure("10 by header", tenants(10));
  measure("100 by header", tenants(100));
}
