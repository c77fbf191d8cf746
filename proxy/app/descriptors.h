#pragma once

#include <cstdint>

namespace drawbridge::app {

// How the descriptors of the process are shared out, so that the data path is never what takes the last one.
struct DescriptorPlan {
  std::uint64_t limit = 0;        // RLIMIT_NOFILE, soft
  std::uint64_t wanted = 0;       // what it must be for all connections that were asked for
  std::uint64_t clients_max = 0;  // client connections; at least 1
  std::uint64_t servers_max = 0;  // connections to servers, kept ones included; at least clients_max
  std::uint64_t pipes_max = 0;    // of large bodies, at once on each worker; without one they are copied
};

// `own`: descriptors open beside those of connections. `connections_max`: limits.connections.
DescriptorPlan plan_descriptors(std::uint64_t limit, std::uint64_t own, std::uint64_t connections_max,
                                std::uint64_t workers);

// Raises the soft limit of open files to the hard one.
void raise_descriptor_limit();

}  // namespace drawbridge::app
