#include "proxy/core/unknown_writes.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace drawbridge::core {

using base::limits::listed_requests_max;
using base::limits::unknown_writes_kept_ms;
using base::limits::unknown_writes_max;

UnknownWrites& UnknownWrites::operator+=(UnknownWrites other) {
  newest = count == 0 ? other.newest : other.count == 0 ? newest : std::min(newest, other.newest);
  count += other.count;
  exact = exact && other.exact;
  std::ranges::move(other.requests, std::back_inserter(requests));
  std::ranges::sort(requests, {}, &OpenRequest::ended_ago);
  if (requests.size() > listed_requests_max) requests.resize(listed_requests_max);
  return *this;
}

void UnknownWriteMemory::add(SiteId site, OpenRequest request, base::SteadyTime ended) {
  if (writes_.size() == unknown_writes_max) forget_one();
  // One may be told of long after it has ended: its client was still being answered.
  const auto later = std::ranges::upper_bound(writes_, ended, {}, &Remembered::ended);
  writes_.insert(later, {.site = site, .ended = ended, .request = std::move(request)});
}

// The oldest of the site that has the most.
void UnknownWriteMemory::forget_one() {
  std::map<SiteId, std::size_t> counts;
  for (const auto& write : writes_) ++counts[write.site];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
  const auto oldest = std::ranges::find(writes_, most, &Remembered::site);
  auto& forgotten = forgotten_[most];
  forgotten = std::max(forgotten, oldest->ended);
  writes_.erase(oldest);
}

UnknownWrites UnknownWriteMemory::recent(const std::vector<SiteId>& sites, base::SteadyTime now) const {
  const auto since = now - base::Millis(unknown_writes_kept_ms);
  UnknownWrites recent;
  for (auto write = writes_.rbegin(); write != writes_.rend() && write->ended >= since; ++write) {
    if (std::ranges::find(sites, write->site) == sites.end()) continue;
    const auto ago = std::chrono::duration_cast<base::Millis>(now - write->ended);
    if (recent.count++ == 0) recent.newest = ago;
    if (recent.requests.size() == listed_requests_max) continue;
    auto& request = recent.requests.emplace_back(write->request);
    request.age += ago;
    request.ended_ago = ago;
  }
  recent.exact = std::ranges::none_of(sites, [&](SiteId site) {
    const auto forgotten = forgotten_.find(site);
    return forgotten != forgotten_.end() && forgotten->second >= since;
  });
  return recent;
}

}  // namespace drawbridge::core
