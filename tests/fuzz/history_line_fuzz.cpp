// Any line of the history: refused, or read into an entry that is written and read again without loss.
#include "proxy/control/history.h"
#include "tests/fuzz/fuzz_check.h"

using namespace drawbridge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto entry = control::parse_history(text);
  if (!entry) return 0;
  const auto written = control::format_history(*entry);
  FUZZ_CHECK(written.find('\n') == written.size() - 1);
  const auto again = control::parse_history(written);
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(control::format_history(*again) == written);
  return 0;
}
