#include "proxy/app/descriptors.h"

#include <fmt/format.h>

#include <sys/resource.h>

namespace drawbridge::app {
namespace {

constexpr std::uint64_t own_descriptors = 200;  // listeners, logs, state, admin connections, probes

}  // namespace

void raise_descriptor_limit(std::uint64_t connections_max, base::EventLog& events) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  const auto wanted = 2 * connections_max + own_descriptors;
  if (limit.rlim_cur >= wanted) return;
  events.warning("descriptors_low", {{"limit", fmt::to_string(limit.rlim_cur)},
                                     {"wanted", fmt::to_string(wanted)},
                                     {"hint",
                                      "raise the hard limit of open files (LimitNOFILE=) or lower "
                                      "limits.connections"}});
}

}  // namespace drawbridge::app
