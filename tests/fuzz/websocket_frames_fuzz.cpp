// Any bytes of a tunnel: boundaries are the same however they are cut, and a frame of ours put in at one is seen
// whole.
#include "proxy/http/websocket.h"
#include "tests/fuzz/fuzz_check.h"

#include <algorithm>

using namespace drawbridge;
using namespace drawbridge::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::take_apart(data, size);
  const std::string_view bytes = input.bytes;
  FrameScanner whole;
  whole.feed(bytes);
  FrameScanner cut;
  for (std::size_t at = 0; at < bytes.size(); at += input.step) {
    const auto rest = bytes.substr(at);
    const auto ahead = cut.until_boundary(rest);
    FUZZ_CHECK(ahead <= rest.size() && (ahead == 0) == (cut.at_boundary() || rest.empty()));
    auto walked = cut;
    walked.feed(rest.substr(0, ahead));
    FUZZ_CHECK(walked.at_boundary() || ahead == rest.size());
    cut.feed(rest.substr(0, input.step));
  }
  FUZZ_CHECK(whole.at_boundary() == cut.at_boundary() && whole.broken() == cut.broken());
  FUZZ_CHECK(whole.close_seen() == cut.close_seen());
  if (whole.at_boundary()) {
    whole.feed(close_frame_to_upstream(close_service_restart, static_cast<std::uint32_t>(size)).view());
    FUZZ_CHECK(whole.at_boundary() && whole.close_seen());
  }
  return 0;
}
