#include "proxy/control/waits.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace drawbridge::control {

Waits::Waits(Alarms& alarms, IsThere is_there) : alarms_(alarms), is_there_(std::move(is_there)) {}

Waits::~Waits() {
  for (const auto& [id, wait] : waits_) alarms_.cancel(wait.over);
}

std::uint64_t Waits::add(WaitFor what, Done done) {
  const auto id = ++last_id_;
  if (waits_.size() >= waits_max) {
    Refusal refusal{.code = RefusalCode::refused, .message = "too many are waiting already"};
    alarms_.post([done = std::move(done), refusal = std::move(refusal)] { done(std::unexpected(refusal)); });
    return id;
  }
  const auto now = alarms_.now().steady;
  const auto over = alarms_.at(now + what.timeout, [this, id] { give_up(id); });
  waits_.emplace(id, Wait{.what = std::move(what), .done = std::move(done), .since = now, .over = over});
  look();
  return id;
}

void Waits::cancel(std::uint64_t id) {
  const auto found = waits_.find(id);
  if (found == waits_.end()) return;
  alarms_.cancel(found->second.over);
  waits_.erase(found);
}

std::vector<std::string> Waits::missing(const WaitFor& what) const {
  std::vector<std::string> sites;
  for (const auto& site : what.sites) {
    if (!is_there_(site, what)) sites.push_back(site);
  }
  return sites;
}

void Waits::look() {
  std::vector<std::uint64_t> reached;
  for (const auto& [id, wait] : waits_) {
    if (missing(wait.what).empty()) reached.push_back(id);
  }
  for (const auto id : reached) end(id, Waited{.reached = true, .waited = {}, .missing = {}, .note = {}});
}

void Waits::fail(const std::string& site, const std::string& note) {
  std::vector<std::uint64_t> failed;
  for (const auto& [id, wait] : waits_) {
    const bool concerned = std::ranges::find(wait.what.sites, site) != wait.what.sites.end();
    if (concerned && wait.what.until == WaitFor::Until::drained) failed.push_back(id);
  }
  for (const auto id : failed) end(id, Waited{.reached = false, .waited = {}, .missing = {site}, .note = note});
}

void Waits::give_up(std::uint64_t id) {
  const auto found = waits_.find(id);
  if (found == waits_.end()) return;
  auto still_missing = missing(found->second.what);
  end(id, Waited{.reached = still_missing.empty(), .waited = {}, .missing = std::move(still_missing), .note = {}});
}

void Waits::end(std::uint64_t id, std::expected<Waited, Refusal> result) {
  const auto found = waits_.find(id);
  if (found == waits_.end()) return;
  alarms_.cancel(found->second.over);
  if (result) {
    result->waited = std::chrono::duration_cast<base::Millis>(alarms_.now().steady - found->second.since);
  }
  alarms_.post([done = std::move(found->second.done), result = std::move(result)] { done(result); });
  waits_.erase(found);
}

void Waits::stop() {
  while (!waits_.empty()) {
    end(waits_.begin()->first,
        std::unexpected(Refusal{.code = RefusalCode::shutting_down, .message = "proxyd is ending"}));
  }
}

}  // namespace drawbridge::control
