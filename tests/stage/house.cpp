#include "tests/stage/house.h"

#include "pages/answers.h"

#include <string>
#include <utility>
#include <vector>

namespace drawbridge::stage {
namespace {

struct SitePlan {
  const char* host;
  core::Mode mode;
};

std::unique_ptr<core::SiteView> make_site(core::SiteId id, const SitePlan& plan, const core::PoolView* pool) {
  auto site = std::make_unique<core::SiteView>();
  site->id = id;
  site->name = plan.host;
  site->mode.mode = plan.mode;
  site->mode.scope = core::HoldScope::all;
  site->pool = pool;
  site->rules.write.push_back(*core::Rule::parse("GET /logout"));
  if (plan.mode != core::Mode::live) {
    site->answers = pages::make_mode_answers(
        {.site = site->name, .mode = site->mode, .retry_after = site->retry_after}, nullptr);
  }
  return site;
}

std::unique_ptr<core::Snapshot> make_snapshot(std::uint64_t epoch, core::Mode mode_of_a) {
  const SitePlan plans[] = {{"a", mode_of_a},
                            {"r", core::Mode::readonly},
                            {"m", core::Mode::maintenance},
                            {"h", epoch == 1 ? core::Mode::hold : core::Mode::live}};
  auto snapshot = std::make_unique<core::Snapshot>();
  snapshot->epoch = epoch;
  snapshot->bounds.request_body_bytes_max = 100'000;
  snapshot->pools.push_back(std::make_unique<core::PoolView>());
  auto& pool = *snapshot->pools.back();
  pool.name = "blue";
  pool.servers.push_back({.id = House::server, .address = "upstream.example:80"});
  std::vector<core::RouteTable::Claim> claims;
  for (const auto& plan : plans) {
    snapshot->sites.push_back(make_site(static_cast<core::SiteId>(claims.size()), plan, &pool));
    claims.push_back({.hosts = {plan.host}, .paths = {}});
  }
  snapshot->routes = core::RouteTable(claims);
  return snapshot;
}

std::unique_ptr<obs::AccessLog> no_log(base::EventLog& events) {
  auto log = obs::AccessLog::open({}, 1, events);
  return std::move(*log);
}

}  // namespace

// The board knows the server by an address that is never asked: workers are given the one of each test. Failures
// take nothing out, or each run would depend on those before it.
House::House()
    : access_log_(no_log(events_)),
      shared_(board_, registry_, *access_log_, events_),
      live_(make_snapshot(1, core::Mode::live)),
      readonly_(make_snapshot(2, core::Mode::readonly)),
      maintenance_(make_snapshot(2, core::Mode::maintenance)) {
  const base::WallTime start{};
  board_.watch(server, {.fall = 0, .pause = base::Millis(1)}, start);
  board_.set_addresses(server, {*net::parse_endpoint("127.0.0.1:1")}, start);
  shared_.to_control = [](std::function<void()> work) { work(); };
  shared_.epochs_ended = [](std::size_t, std::uint64_t) {};
}

std::uint64_t House::in_flight() const {
  std::uint64_t count = 0;
  for (const auto& site : registry_.collect().sites) count += site.in_flight.total();
  return count;
}

}  // namespace drawbridge::stage
