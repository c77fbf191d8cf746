#include "proxy/app/descriptors.h"

#include "proxy/base/limits.h"

#include <algorithm>
#include <sys/resource.h>

namespace drawbridge::app {

// Pipes are a comfort: they get an eighth at most of what connections would have.
DescriptorPlan plan_descriptors(std::uint64_t limit, std::uint64_t own, std::uint64_t connections_max,
                                std::uint64_t workers) {
  constexpr std::uint64_t pipe_descriptors = 2;
  const std::uint64_t left = limit - std::min(limit, own);
  const std::uint64_t shared = left - std::min<std::uint64_t>(base::limits::reserved_descriptors_max, left / 2);
  const std::uint64_t of_pipe = pipe_descriptors * workers;
  DescriptorPlan plan{.limit = limit};
  plan.wanted =
      own + base::limits::reserved_descriptors_max + of_pipe * base::limits::pipes_max + 2 * connections_max;
  plan.pipes_max = std::min<std::uint64_t>(base::limits::pipes_max, shared / 8 / of_pipe);
  const std::uint64_t connections = shared - of_pipe * plan.pipes_max;
  plan.clients_max = std::clamp<std::uint64_t>(connections / 2, 1, connections_max);
  plan.servers_max = std::max(plan.clients_max, connections - std::min(connections, plan.clients_max));
  return plan;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace drawbridge::app
