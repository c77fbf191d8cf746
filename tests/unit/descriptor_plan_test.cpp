#include "proxy/app/descriptors.h"
#include "proxy/base/limits.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>

using namespace drawbridge;
using app::plan_descriptors;

TEST_CASE("as many clients are let in as the configuration says, if the descriptors carry them") {
  const auto plan = plan_descriptors(200'000, 40, 50'000, 4);
  CHECK(plan.clients_max == 50'000);
  CHECK(plan.servers_max >= plan.clients_max);
  CHECK(plan_descriptors(plan.wanted, 40, 50'000, 4).clients_max == 50'000);
  CHECK(plan_descriptors(plan.wanted - 2, 40, 50'000, 4).clients_max == 49'999);
}

TEST_CASE("connections of both sides and pipes never take what is held in reserve") {
  for (const std::uint64_t limit : {10UL, 50UL, 256UL, 1'024UL, 65'536UL}) {
    for (const std::uint64_t own : {8UL, 30UL, 100UL}) {
      for (const std::uint64_t workers : {1UL, 4UL, 64UL}) {
        const auto plan = plan_descriptors(limit, own, 50'000, workers);
        INFO(limit, " ", own, " ", workers);
        CHECK(plan.clients_max >= 1);
        CHECK(plan.servers_max >= plan.clients_max);
        if (limit < own + 8) continue;  // nothing to share out
        const auto taken = own + plan.clients_max + plan.servers_max + 2 * plan.pipes_max * workers;
        CHECK(taken < limit);
        if (limit > 1'000) CHECK(limit - taken >= base::limits::reserved_descriptors_max);
      }
    }
  }
}

TEST_CASE("pipes are as many as a worker opens where that is little beside the connections, and fewer where not") {
  CHECK(plan_descriptors(65'536, 40, 50'000, 4).pipes_max == base::limits::pipes_max);
  const auto few = plan_descriptors(600, 40, 50'000, 4);
  CHECK(few.pipes_max > 0);
  CHECK(few.pipes_max < base::limits::pipes_max);
  CHECK(plan_descriptors(60, 34, 50'000, 4).pipes_max == 0);
}
