// The whole data path of one connection: a client, servers and an operator do what the input says (tests/stage/
// script.h), in its pieces. Afterwards the accounts of all sides agree and nothing is left behind.
#include "tests/fuzz/fuzz_check.h"
#include "tests/stage/reconcile.h"
#include "tests/stage/stage.h"

#include <cstdio>
#include <string>
#include <string_view>

using namespace drawbridge::stage;

namespace {

constexpr std::uint64_t in_flight_every = 256;  // runs: to sum up all counters takes as long as a run

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static House house;
  static std::uint64_t runs = 0;
  const auto descriptors = open_descriptors();
  std::vector<std::string> complaints;
  {
    Stage stage(house, parse_script({reinterpret_cast<const char*>(data), size}));
    stage.run();
    complaints = reconcile(stage);
  }
  for (const auto& complaint : complaints) std::fprintf(stderr, "%s\n", complaint.c_str());
  FUZZ_CHECK(complaints.empty());
  FUZZ_CHECK(open_descriptors() == descriptors);
  if (++runs % in_flight_every == 0) FUZZ_CHECK(house.in_flight() == 0);
  return 0;
}
