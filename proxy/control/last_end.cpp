#include "proxy/control/last_end.h"

#include "proxy/base/limits.h"
#include "proxy/control/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::control {

void LastEnd::begun(const base::Now& now, bool first_start, const std::optional<Ended>& end) {
  if (first_start) return;
  constexpr base::Millis kept{base::limits::unknown_writes_kept_ms};
  const auto since = end ? std::chrono::duration_cast<base::Millis>(now.wall - end->at) : base::Millis(0);
  started_at_ = now.wall;
  told_until_ = now.steady + kept - std::clamp(since, base::Millis(0), kept);
  end_ = end;
}

std::string LastEnd::sentence(const std::vector<std::string>& sites, base::SteadyTime now) const {
  if (now >= told_until_) return {};
  const auto restarted = fmt::format("proxyd was restarted at {}", base::format_time(started_at_));
  if (!end_) {
    return restarted +
           ", and what it knew of writes without their servers' whole answer is lost: some may still be at work; "
           "the "
           "access log may name them";
  }
  std::uint64_t unknown = 0;
  for (const auto& [site, count] : end_->unknown_writes) {
    if (std::ranges::find(sites, site) != sites.end()) unknown += count;
  }
  if (unknown == 0) return {};
  return fmt::format(
      "{}; before that {} ended without {} whole answer, and may still be at work: the access log "
      "names "
      "them",
      restarted, counted(unknown, "write"), unknown == 1 ? "its server's" : "their servers'");
}

}  // namespace drawbridge::control
