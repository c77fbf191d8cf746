#include "proxy/app/descriptor_shares.h"

#include "tests/unit/control_fakes.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

using namespace drawbridge;

namespace {

struct Process {
  base::EventLog events{false};
  upstream::HealthBoard board;
  obs::Registry registry{1};
  std::unique_ptr<obs::AccessLog> log = std::move(*obs::AccessLog::open({}, 1, events));
  serve::Shared shared{board, registry, *log, events};
  tests::FakeAlarms alarms;
  config::Limits limits;
  app::DescriptorShares shares{shared, alarms, events, [this]() -> const config::Limits& { return limits; }};
  net::Pipes pipes{shared.pipes_max, shared.pipes_open};

  Process() { shares.begin(); }
  std::uint64_t wanted() const { return shares.facts().wanted_descriptors; }
};

}  // namespace

TEST_CASE("descriptors that something else has taken are reckoned with when there are none left") {
  Process process;
  const auto usual = process.wanted();
  const net::UniqueFd taken(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  process.shares.exhausted();
  CHECK(process.wanted() == usual + 1);
}

TEST_CASE("pipes that are open when there are no descriptors left are those that were reserved, and no others") {
  Process process;
  const auto usual = process.wanted();
  std::vector<std::optional<net::Pipe>> open;
  for (int i = 0; i < 8; ++i) {
    open.push_back(process.pipes.open());
    REQUIRE(open.back().has_value());
  }
  process.shares.exhausted();
  CHECK(process.wanted() == usual);
}
