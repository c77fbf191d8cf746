#pragma once

#include "proxy/core/plan.h"
#include "proxy/core/slice_match.h"
#include "proxy/http/reader.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Requests as they come over the wire, and a shop whose customers are on several pools.
namespace drawbridge::core::testing {

inline SliceMatch match(std::string_view text) {
  auto parsed = SliceMatch::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), text);
  return *parsed;
}

// A request as it comes over the wire.
struct Asked {
  std::string text;
  http::RequestHead head;
  http::IpAddress client;

  Asked(std::string_view method, std::string_view target, const std::vector<std::string>& fields = {},
        std::string_view host = "shop.example", std::string_view from = "192.0.2.1")
      : client(*http::parse_ip(from)) {
    text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", method, target, host);
    for (const auto& field : fields) text += field + "\r\n";
    text += "\r\n";
    REQUIRE_FALSE(http::parse_request(text, {}, head).has_value());
  }
  Asked(const Asked&) = delete;

  RequestFacts facts() const {
    return {.method = head.method_text,
            .host = head.host,
            .path = head.path,
            .query = head.query,
            .headers = &head.headers,
            .client = &client};
  }
};

// A shop on blue (0) whose customers move to green (1) and red (2).
struct Town {
  Snapshot snapshot;
  SiteView* site = nullptr;
  std::shared_ptr<Split> split = std::make_shared<Split>();

  static std::shared_ptr<Placement> placement(std::uint16_t rest,
                                              const std::vector<std::pair<std::string_view, PoolId>>& slices) {
    auto made = std::make_shared<Placement>();
    made->rest = rest;
    for (const auto& [text, pool] : slices) {
      made->slices.push_back({.id = static_cast<SliceId>(made->slices.size()), .match = match(text), .pool = pool});
    }
    return made;
  }

  Town(const std::shared_ptr<Placement>& now, const std::shared_ptr<Placement>& to = nullptr,
       HoldScope scope = HoldScope::writes, Mode mode = Mode::live) {
    for (const char* name : {"blue", "green", "red"}) {
      snapshot.pools.push_back(std::make_unique<PoolView>());
      snapshot.pools.back()->id = static_cast<PoolId>(snapshot.pools.size() - 1);
      snapshot.pools.back()->name = name;
    }
    snapshot.sites.push_back(std::make_unique<SiteView>());
    site = snapshot.sites.back().get();
    site->name = "shop";
    site->mode.mode = mode;
    site->pool = snapshot.pools[now->rest].get();
    site->rules.exempt.push_back(*Rule::parse("* /devices/**"));
    auto made = std::make_unique<Split>();
    made->now = now;
    for (const auto& slice : now->slices) made->pools.push_back(snapshot.pools[slice.pool].get());
    if (to) {
      made->move = Split::Move{.to = to, .hold = {}, .answers = nullptr};
      made->move->hold.mode = Mode::hold;
      made->move->hold.scope = scope;
    }
    site->split = std::move(made);
    snapshot.routes = RouteTable({RouteTable::Claim{}});
  }

  // "green", or the verdict if it is not forwarded.
  std::string at(const Asked& asked) const {
    const auto plan = decide(snapshot, asked.facts());
    CHECK((plan.pool != nullptr) == (plan.verdict == Verdict::forward));
    return plan.pool != nullptr ? plan.pool->name : std::string(name(plan.verdict));
  }
};

inline const std::vector<std::string> acme{"X-Tenant: acme"}, beta{"X-Tenant: beta"};

}  // namespace drawbridge::core::testing
