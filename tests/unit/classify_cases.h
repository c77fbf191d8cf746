#pragma once

#include "proxy/core/plan.h"

#include <array>
#include <string_view>

// What is a read, a write or a tunnel, request by request, as it goes over the wire: method, target and fields. Two
// sites on one host: "shop" has the rules below and the root, "admin" has none and the prefix /admin.
namespace drawbridge::core::testing {

struct ClassifyCase {
  std::string_view method;
  std::string_view target;  // path and query
  RequestClass request_class = RequestClass::read;
  Verdict readonly = Verdict::forward;  // with both sites in readonly
  Why why = Why::method;
  std::array<std::string_view, 3> fields{};  // "Name: value"; empty ones are none
};

inline constexpr std::string_view case_host = "shop.example";

inline constexpr std::array<std::string_view, 7> case_read_rules{
    "POST /login",  "POST /search/**",     "POST /api/*/query",       "* /graphql",
    "GET /live/**", "POST /caf\xC3\xA9/*", "POST /reports/**/preview"};
inline constexpr std::array<std::string_view, 6> case_write_rules{"GET /logout",        "GET /auth/*/callback",
                                                                  "POST /search/index", "* /cart/**/add",
                                                                  "GET /export/*.csv",  "GET /do:reset"};
inline constexpr std::array<std::string_view, 3> case_exempt_rules{"* /devices/**", "POST /hooks/github",
                                                                   "GET /healthz"};

namespace cases {

constexpr auto read = RequestClass::read;
constexpr auto write = RequestClass::write;
constexpr auto tunnel = RequestClass::tunnel;
constexpr auto forward = Verdict::forward;
constexpr auto refuse = Verdict::refuse;
constexpr auto ambiguous = Verdict::ambiguous;
constexpr auto method = Why::method;
constexpr auto override_ = Why::method_override;
constexpr auto write_rule = Why::write_rule;
constexpr auto read_rule = Why::read_rule;
constexpr auto upgrade = Why::upgrade;
constexpr auto exempt = Why::exempt_rule;
constexpr auto path = Why::ambiguous_path;
constexpr std::array<std::string_view, 3> websocket{"Connection: Upgrade", "Upgrade: websocket", ""};

}  // namespace cases

inline constexpr auto by_method = [] {
  using namespace cases;
  return std::to_array<ClassifyCase>({
      {"GET", "/", read, forward, method},
      {"HEAD", "/", read, forward, method},
      {"OPTIONS", "/", read, forward, method},
      {"OPTIONS", "*", read, forward, method},
      {"POST", "/", write, refuse, method},
      {"PUT", "/x", write, refuse, method},
      {"PATCH", "/x", write, refuse, method},
      {"DELETE", "/x", write, refuse, method},
      {"TRACK", "/x", write, refuse, method},
      {"PROPFIND", "/x", write, refuse, method},
      {"BREW", "/x", write, refuse, method},
      {"get", "/x", write, refuse, method},
      {"GET", "/x?a=1", read, forward, method},
      {"GET", "/admin", read, forward, method},
      {"POST", "/admin/x", write, refuse, method},
      {"POST", "/admin/login", write, refuse, method},
      {"POST", "/x?path=/login", write, refuse, method},
  });
}();

inline constexpr auto by_rule = [] {
  using namespace cases;
  return std::to_array<ClassifyCase>({
      {"POST", "/login", read, forward, read_rule},
      {"POST", "/login?next=%2F", read, forward, read_rule},
      {"PUT", "/login", write, refuse, method},
      {"POST", "/login/", write, refuse, method},
      {"POST", "/Login", write, refuse, method},
      {"POST", "/login2", write, refuse, method},
      {"post", "/login", write, refuse, method},
      {"POST", "/search/", read, forward, read_rule},
      {"POST", "/search/a", read, forward, read_rule},
      {"POST", "/search/a/b/c", read, forward, read_rule},
      {"POST", "/search", write, refuse, method},
      {"POST", "/searches/a", write, refuse, method},
      {"POST", "/search/index", write, refuse, write_rule},
      {"POST", "/search/index/x", read, forward, read_rule},
      {"GET", "/search/index", read, forward, method},
      {"POST", "/api/v1/query", read, forward, read_rule},
      {"POST", "/api//query", write, refuse, method},
      {"POST", "/api/v1/x/query", write, refuse, method},
      {"POST", "/api/query", write, refuse, method},
      {"POST", "/api/v1/query/x", write, refuse, method},
      {"POST", "/graphql", read, forward, read_rule},
      {"PUT", "/graphql", read, forward, read_rule},
      {"BREW", "/graphql", read, forward, read_rule},
      {"POST", "/reports/preview", read, forward, read_rule},
      {"POST", "/reports/2026/03/preview", read, forward, read_rule},
      {"POST", "/reports/preview/x", write, refuse, method},
      {"POST", "/reportspreview", write, refuse, method},
      {"GET", "/logout", write, refuse, write_rule},
      {"HEAD", "/logout", write, refuse, write_rule},
      {"OPTIONS", "/logout", read, forward, method},
      {"GET", "/logout/", read, forward, method},
      {"GET", "/logout?x=1", write, refuse, write_rule},
      {"GET", "/auth/google/callback", write, refuse, write_rule},
      {"GET", "/auth/google/callback?code=1", write, refuse, write_rule},
      {"GET", "/auth/callback", read, forward, method},
      {"GET", "/auth/a/b/callback", read, forward, method},
      {"GET", "/cart/add", write, refuse, write_rule},
      {"GET", "/cart/7/items/add", write, refuse, write_rule},
      {"GET", "/cart/7/address", read, forward, method},
      {"GET", "/export/all.csv", write, refuse, write_rule},
      {"GET", "/export/.csv", write, refuse, write_rule},
      {"GET", "/export/2026/all.csv", read, forward, method},
      {"GET", "/export/all.csv.gz", read, forward, method},
      {"GET", "/do:reset", write, refuse, write_rule},
  });
}();

inline constexpr auto by_normal_form = [] {
  using namespace cases;
  return std::to_array<ClassifyCase>({
      {"POST", "//login", read, forward, read_rule},
      {"POST", "/./login", read, forward, read_rule},
      {"POST", "/x/../login", read, forward, read_rule},
      {"POST", "/x/%2e%2e/login", read, forward, read_rule},
      {"POST", "/x/.%2E/login", read, forward, read_rule},
      {"POST", "/%6c%6Fgin", read, forward, read_rule},
      {"POST", "/login/.", write, refuse, method},
      {"POST", "/login/x/..", write, refuse, method},
      {"POST", "/search/../orders", write, refuse, method},
      {"POST", "/search/%2e%2e/orders", write, refuse, method},
      {"POST", "/search/x/../y", read, forward, read_rule},
      {"POST", "/search//../orders", write, refuse, method},
      {"POST", "/search/...", read, forward, read_rule},
      {"POST", "/search/a%20b", read, forward, read_rule},
      {"POST", "/search/%C3%A9", read, forward, read_rule},
      {"POST", "/caf%C3%A9/x", read, forward, read_rule},
      {"POST", "/caf%c3%a9/x", read, forward, read_rule},
      {"POST", "/cafe/x", write, refuse, method},
      {"POST", "/search/50%", read, forward, read_rule},
      {"GET", "//logout", write, refuse, write_rule},
      {"GET", "/./logout", write, refuse, write_rule},
      {"GET", "/a/../logout", write, refuse, write_rule},
      {"GET", "/%6c%6f%67%6f%75%74", write, refuse, write_rule},
      {"GET", "/logout/..", read, forward, method},
      {"GET", "/logout/../x", read, forward, method},
      {"GET", "/auth/%67/callback", write, refuse, write_rule},
  });
}();

inline constexpr auto by_reading = [] {
  using namespace cases;
  return std::to_array<ClassifyCase>({
      {"POST", "/search/a%2Fb", read, forward, read_rule},
      {"POST", "/search/..%2Forders", write, refuse, method},
      {"POST", "/search/..%2forders", write, refuse, method},
      {"POST", "/search/%2e%2e%2forders", write, refuse, method},
      {"POST", "/search/..%5Corders", write, refuse, method},
      {"POST", "/search/a%5Cb", read, forward, read_rule},
      {"POST", "/search/%252e%252e/orders", write, refuse, method},
      {"POST", "/search/..%252Forders", write, refuse, method},
      {"POST", "/search/..%255corders", write, refuse, method},
      {"POST", "/search/..;/orders", write, refuse, method},
      {"POST", "/search/..;x=1/orders", write, refuse, method},
      {"POST", "/search/..%3B/orders", write, refuse, method},
      {"POST", "/search/x;v=1", read, forward, read_rule},
      {"POST", "/search;v=1/x", write, refuse, method},
      {"POST", "/orders;/../search/x", read, forward, read_rule},
      {"POST", "/orders%2F..%2Fsearch/x", write, refuse, method},
      {"POST", "/login;jsessionid=1", write, refuse, method},
      {"POST", "/login%3Bx", write, refuse, method},
      {"POST", "/login%2F", write, refuse, method},
      {"POST", "/x%2F..%2Flogin", write, refuse, method},
      {"POST", "/api/a%2Fb/query", write, refuse, method},
      {"POST", "/api/a@b/query", read, forward, read_rule},
      {"POST", "/api/a%40b/query", read, forward, read_rule},
      {"POST", "/search/%00", write, refuse, method},
      {"POST", "/search/a%00b", write, refuse, method},
      {"POST", "/search/a%2500b", write, refuse, method},
      {"POST", "/../search/x", write, refuse, method},
      {"POST", "/search/../../search/x", write, refuse, method},
      {"POST", "/search/%c0%ae%c0%ae/orders", write, refuse, method},
      {"POST", "/search/%u002e%u002e/orders", write, refuse, method},
      {"POST", "/search/%25252e", write, refuse, method},
      {"POST", "/search/%%32e", write, refuse, method},
      {"POST", "/search/what%3F", read, forward, read_rule},
      {"GET", "/logout;x=1", write, refuse, write_rule},
      {"GET", "/logout%3Bx", write, refuse, write_rule},
      {"GET", "/x%2F..%2Flogout", write, refuse, write_rule},
      {"GET", "/x%5C..%5Clogout", write, refuse, write_rule},
      {"GET", "/x/..;/logout", write, refuse, write_rule},
      {"GET", "/x/%252e%252e/logout", write, refuse, write_rule},
      {"GET", "/%256cogout", write, refuse, write_rule},
      {"GET", "/logout%00.png", write, refuse, write_rule},
      {"GET", "/logout%3Fx", write, refuse, write_rule},
      {"GET", "/logout%23x", write, refuse, write_rule},
      {"GET", "/../logout", write, refuse, write_rule},
      {"GET", "/auth%2Fgoogle%2Fcallback", write, refuse, write_rule},
      {"GET", "/auth/a%2Fb/callback", write, refuse, write_rule},
      {"GET", "/do%3Areset", write, refuse, write_rule},
      {"GET", "/x%00", read, forward, method},
      {"GET", "/../x", read, forward, method},
      {"GET", "/x%2Fy;z", read, forward, method},
      {"GET", "/admin%2Fx", read, ambiguous, path},
      {"GET", "/admin;x/y", read, ambiguous, path},
      {"GET", "/x/..%2Fadmin", read, ambiguous, path},
      {"GET", "/%2561dmin", read, ambiguous, path},
      {"GET", "/x/../admin", read, forward, method},
      {"GET", "/administration", read, forward, method},
  });
}();

inline constexpr auto by_override = [] {
  using namespace cases;
  return std::to_array<ClassifyCase>({
      {"GET", "/x", write, refuse, override_, {"X-HTTP-Method-Override: DELETE"}},
      {"GET", "/x", write, refuse, override_, {"X-HTTP-Method: PUT"}},
      {"GET", "/x", write, refuse, override_, {"X-Method-Override: PATCH"}},
      {"GET", "/x", write, refuse, override_, {"x-http-method-override: delete"}},
      {"GET", "/x", write, refuse, override_, {"X-HTTP-Method-Override: GET, DELETE"}},
      {"GET", "/x", write, refuse, override_, {"X-HTTP-Method-Override: nonsense"}},
      {"GET", "/x", write, refuse, override_, {"X-HTTP-Method-Override: GET", "X-HTTP-Method-Override: GET"}},
      {"GET", "/x", write, refuse, override_, {"X-HTTP-Method-Override: GET", "X-HTTP-Method: DELETE"}},
      {"OPTIONS", "/x", write, refuse, override_, {"X-HTTP-Method-Override: POST"}},
      {"GET", "/x", read, forward, method, {"X-HTTP-Method-Override: HEAD"}},
      {"GET", "/x", read, forward, method, {"X-HTTP-Method-Override:"}},
      {"GET", "/x", read, forward, method, {"X-HTTP-Method-Overrides: DELETE"}},
      {"POST", "/x", write, refuse, method, {"X-HTTP-Method-Override: GET"}},
      {"POST", "/x", write, refuse, method, {"X-HTTP-Method: HEAD"}},
      {"POST", "/login", read, forward, read_rule, {"X-HTTP-Method-Override: GET"}},
      {"POST", "/login", read, forward, read_rule, {"X-HTTP-Method-Override: POST"}},
      {"POST", "/login", write, refuse, method, {"X-HTTP-Method-Override: DELETE"}},
      {"POST", "/graphql", read, forward, read_rule, {"X-HTTP-Method-Override: DELETE"}},
      {"HEAD", "/logout", write, refuse, write_rule, {"X-HTTP-Method-Override: GET"}},
      {"OPTIONS", "/logout", write, refuse, write_rule, {"X-HTTP-Method: get"}},
      {"GET", "/x?_method=DELETE", write, refuse, override_},
      {"GET", "/x?a=1&_method=put&b=2", write, refuse, override_},
      {"GET", "/x?a=1;_method=put", write, refuse, override_},
      {"GET", "/x?%5fmethod=DELETE", write, refuse, override_},
      {"GET", "/x?_%6dethod=%44ELETE", write, refuse, override_},
      {"GET", "/x?_METHOD=DELETE", write, refuse, override_},
      {"GET", "/x?_method[]=DELETE", write, refuse, override_},
      {"GET", "/x?.method=DELETE", write, refuse, override_},
      {"GET", "/x?_method=GET&_method=DELETE", write, refuse, override_},
      {"GET", "/x?_method=%47ET", read, forward, method},
      {"GET", "/x?_method=GET", read, forward, method},
      {"GET", "/x?_method=", read, forward, method},
      {"GET", "/x?_method", read, forward, method},
      {"GET", "/x?method=DELETE", read, forward, method},
      {"GET", "/x?my_method=DELETE", read, forward, method},
      {"GET", "/x?_methods=DELETE", read, forward, method},
      {"GET", "/x?q=_method=DELETE", read, forward, method},
      {"POST", "/x?_method=GET", write, refuse, method},
      {"POST", "/login?_method=DELETE", write, refuse, method},
      {"POST", "/login?_method=post", read, forward, read_rule},
  });
}();

inline constexpr auto by_tunnel_or_exemption = [] {
  using namespace cases;
  return std::to_array<ClassifyCase>({
      {"GET", "/ws", tunnel, refuse, upgrade, websocket},
      {"GET", "/live/scores", tunnel, forward, read_rule, websocket},
      {"GET", "/live/..%2Fws", tunnel, refuse, upgrade, websocket},
      {"GET", "/live/../ws", tunnel, refuse, upgrade, websocket},
      {"GET", "/live/x%00", tunnel, refuse, upgrade, websocket},
      {"GET", "/logout", tunnel, refuse, write_rule, websocket},
      {"GET", "/graphql", tunnel, forward, read_rule, websocket},
      {"GET", "/devices/7/stream", tunnel, forward, exempt, websocket},
      {"GET", "/live/x?_method=DELETE", tunnel, refuse, upgrade, websocket},
      {"GET", "/devices/7", read, forward, exempt},
      {"POST", "/devices/7", write, forward, exempt},
      {"DELETE", "/devices/7/x", write, forward, exempt},
      {"POST", "/devices", write, refuse, method},
      {"POST", "/devices/../orders", write, refuse, method},
      {"POST", "/devices/..%2Forders", write, refuse, method},
      {"POST", "/devices/..;/orders", write, refuse, method},
      {"POST", "/devices/a%2Fb", write, forward, exempt},
      {"POST", "/devices/%00", write, refuse, method},
      {"POST", "//devices/./7", write, forward, exempt},
      {"POST", "/hooks/github", write, forward, exempt},
      {"PUT", "/hooks/github", write, refuse, method},
      {"POST", "/hooks/github", write, refuse, method, {"X-HTTP-Method-Override: DELETE"}},
      {"GET", "/healthz", read, forward, exempt},
      {"HEAD", "/healthz", read, forward, exempt},
      {"POST", "/healthz", write, refuse, method},
      {"GET", "/admin/healthz", read, forward, method},
  });
}();

}  // namespace drawbridge::core::testing
