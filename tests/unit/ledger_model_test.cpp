#include "tests/unit/ledger_office.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::core;
using namespace drawbridge::core::testing;

namespace {

// The same books kept the slow way: every question is answered by looking at everything.
class Model {
 public:
  struct Open {
    std::unique_ptr<Request> request;
    std::uint64_t epoch;
    SiteId site;
    RequestClass request_class;
    bool exempt, read_tunnel;
  };

  explicit Model(unsigned seed) : random_(seed) {}

  void step() {
    const auto dice = pick(100);
    if (dice < 50) enter();
    if (dice >= 50 && dice < 92) leave();
    if (dice >= 92 && dice < 95) publish();
    if (dice >= 95 && dice < 97) fence();
    if (dice == 97) cut();
    if (dice == 98 && !watched_.empty()) forget();
    if (dice == 99) office_.published(epoch_);
  }

  void compare() {
    std::vector<std::uint64_t> heard;
    heard.reserve(office_.heard.drains.size());
    for (const auto& [id, ended] : office_.heard.drains) heard.push_back(id);
    std::sort(heard.begin(), heard.end());
    std::sort(ended_.begin(), ended_.end());
    REQUIRE(heard == ended_);
    for (const auto& [id, scope] : watched_) REQUIRE(office_.ledger.left(id).total() == open_of(scope));
    REQUIRE(office_.ledger.total() == open_.size());
    for (SiteId site = 0; site < sites; ++site) compare_site(site);
    const auto& epochs = office_.heard.epochs;
    REQUIRE(std::is_sorted(epochs.begin(), epochs.end()));
    REQUIRE((epochs.empty() || epochs.back() <= oldest_epoch()));
  }

  void finish() {
    while (!open_.empty()) leave();
    office_.published(epoch_);
    compare();
    REQUIRE(watched_.empty());
    REQUIRE(office_.heard.epochs.back() == epoch_);
  }

 private:
  static constexpr SiteId sites = 5;

  std::size_t pick(std::size_t n) { return random_() % n; }

  void compare_site(SiteId site) {
    ClassCounts counts;
    for (const auto& open : open_) {
      if (open.site == site) ++counts[open.request_class];
    }
    REQUIRE(office_.ledger.in_flight(site).by_class == counts.by_class);
  }

  std::uint64_t oldest_epoch() const { return open_.empty() ? epoch_ : open_.front().epoch; }

  static bool meant(const DrainScope& scope, const Open& open) {
    return open.epoch < scope.epoch && (scope.exempt_too || !open.exempt) &&
           scope.classes.has(open.request_class) && !(scope.spare_read_tunnels && open.read_tunnel) &&
           std::find(scope.sites.begin(), scope.sites.end(), open.site) != scope.sites.end();
  }

  std::uint64_t open_of(const DrainScope& scope) const {
    return static_cast<std::uint64_t>(
        std::count_if(open_.begin(), open_.end(), [&](const Open& open) { return meant(scope, open); }));
  }

  void enter() {
    Open open{.request = std::make_unique<Request>(),
              .epoch = epoch_,
              .site = static_cast<SiteId>(pick(sites)),
              .request_class = static_cast<RequestClass>(pick(3)),
              .exempt = pick(10) == 0,
              .read_tunnel = false};
    open.read_tunnel = open.request_class == RequestClass::tunnel && pick(2) == 0;
    auto entry = office_.entry(*open.request, open.epoch, open.request_class, open.site);
    entry.exempt = open.exempt;
    entry.read_tunnel = open.read_tunnel;
    office_.ledger.enter(open.request->admission, entry);
    open_.push_back(std::move(open));
  }

  void leave() {
    if (open_.empty()) return;
    remove(pick(open_.size()));
    settle();
  }

  void remove(std::size_t at) { open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at)); }

  void settle() {
    std::erase_if(watched_, [&](const auto& watch) {
      if (open_of(watch.second) != 0) return false;
      ended_.push_back(watch.first);
      return true;
    });
  }

  void publish() { ++epoch_; }

  void fence() {
    DrainScope scope{.epoch = epoch_, .sites = {}, .classes = {}, .spare_read_tunnels = pick(2) == 0};
    for (SiteId site = 0; site < sites; ++site) {
      if (pick(2) == 0) scope.sites.insert(scope.sites.begin(), site);
    }
    scope.classes.bits = static_cast<std::uint8_t>(pick(8));
    scope.exempt_too = pick(2) == 0;
    watched_.emplace_back(++drains_, scope);
    const auto open = office_.ledger.fence(drains_, scope);
    REQUIRE(open.total() == open_of(scope));
    settle();
  }

  // Half of what is cut leaves at once.
  void cut() {
    if (watched_.empty()) return;
    const auto [id, scope] = watched_[pick(watched_.size())];
    for (auto& open : open_) {
      if (open.request->admission.request_class() == RequestClass::read) continue;
      open.request->on_cut = [&request = *open.request] { request.admission.leave(); };
    }
    const auto listed = office_.ledger.cut(id, start, false).size();
    REQUIRE(listed <= base::limits::listed_requests_max);
    REQUIRE(office_.ledger.outstanding(id, start).empty());
    std::erase_if(open_, [](const Open& open) { return !open.request->admission.entered(); });
    for (auto& open : open_) open.request->on_cut = nullptr;
    settle();
  }

  void forget() {
    const auto at = watched_.begin() + static_cast<std::ptrdiff_t>(pick(watched_.size()));
    office_.ledger.forget(at->first);
    watched_.erase(at);
  }

  std::mt19937 random_;
  Office office_;
  std::vector<Open> open_;  // in the order of admission; after the office: admissions leave it
  std::vector<std::pair<std::uint64_t, DrainScope>> watched_;
  std::vector<std::uint64_t> ended_;
  std::uint64_t epoch_ = 1;
  std::uint64_t drains_ = 0;
};

}  // namespace

TEST_CASE("over 100,000 random operations the ledger keeps the same books as a naive one") {
  for (const unsigned seed : {1U, 2U, 3U, 4U, std::random_device{}()}) {
    CAPTURE(seed);
    Model model(seed);
    for (int i = 0; i < 20'000; ++i) {
      model.step();
      if (i % 16 == 0) model.compare();
    }
    model.finish();
  }
}
