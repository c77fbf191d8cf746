#include "proxy/app/descriptors.h"
#include "proxy/base/limits.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>

using namespace drawbridge;
using app::plan_descriptors;

TEST_CASE("as many clients are let in as the configuration says, if the descriptors carry them") {
  const auto plan = plan_descriptors(200'000, 40, 50'000);
  CHECK(plan.clients_max == 50'000);
  CHECK(plan.servers_max >= plan.clients_max);
  CHECK(plan_descriptors(plan.wanted, 40, 50'000).clients_max == 50'000);
  CHECK(plan_descriptors(plan.wanted - 2, 40, 50'000).clients_max == 49'999);
}

TEST_CASE("connections of both sides never take what is held in reserve") {
  for (const std::uint64_t limit : {10UL, 50UL, 256UL, 1'024UL, 65'536UL}) {
    for (const std::uint64_t own : {8UL, 30UL, 100UL}) {
      const auto plan = plan_descriptors(limit, own, 50'000);
      INFO(limit, " ", own);
      CHECK(plan.clients_max >= 1);
      CHECK(plan.servers_max >= plan.clients_max);
      if (limit < own + 8) continue;  // nothing to share out
      CHECK(own + plan.clients_max + plan.servers_max < limit);
      if (limit > 1'000)
        CHECK(limit - own - plan.clients_max - plan.servers_max >= base::limits::reserved_descriptors_max);
    }
  }
}
