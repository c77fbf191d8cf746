// Any state file: refused, or read into a state that is written and read again without loss.
#include "proxy/control/state_json.h"
#include "tests/fuzz/fuzz_check.h"

using namespace drawbridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto state = control::parse_state(text);
  if (!state) {
    FUZZ_CHECK(!state.error().message.empty());
    return 0;
  }
  const auto written = control::format_state(*state);
  const auto again = control::parse_state(written);
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(control::format_state(*again) == written);
  return 0;
}
