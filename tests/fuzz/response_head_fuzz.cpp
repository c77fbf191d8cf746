// Any bytes of an upstream: judged alike however they are cut, and the client can read only what we read.
#include "proxy/http/forward.h"
#include "proxy/http/reader.h"
#include "tests/fuzz/fuzz_check.h"

#include <algorithm>
#include <array>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

HeadScanner::Scan scan_in_parts(const std::string& bytes, std::size_t step) {
  HeadScanner scanner(HeadScanner::Side::response, HeadLimits{});
  for (std::size_t length = std::min(step, bytes.size());; length = std::min(length + step, bytes.size())) {
    const auto buffer = bytes.substr(0, length);
    const auto scan = scanner.scan(buffer);
    if (scan.state != HeadScanner::State::need_more || length == bytes.size()) return scan;
  }
}

void check_relayed(const ResponseHead& head, const Asked& asked, std::uint8_t client_minor_version,
                   std::size_t bytes) {
  static std::array<char, 64 * 1024> buffer;
  HeadWriter writer(buffer);
  const auto framing = frame_response(head, client_minor_version);
  write_client_response(writer, head,
                        {.client_minor_version = client_minor_version,
                         .body = framing.body,
                         .keep_alive = !framing.must_close,
                         .date = "Sun, 06 Nov 1994 08:49:37 GMT"});
  FUZZ_CHECK(!writer.overflow());
  FUZZ_CHECK(writer.size() <= bytes + head_growth_max);
  HeadScanner scanner(HeadScanner::Side::response, {.head_bytes_max = buffer.size()});
  const auto scan = scanner.scan(writer.view());
  FUZZ_CHECK(scan.state == HeadScanner::State::complete && scan.end == writer.size());
  static ResponseHead again;
  FUZZ_CHECK(!parse_response(writer.view(), asked,
                             {.head_bytes_max = buffer.size(), .headers_max = header_capacity}, again));
  FUZZ_CHECK(again.status == head.status && again.switching == head.switching);
  FUZZ_CHECK(again.body.kind == framing.body.kind && again.body.bytes == framing.body.bytes);
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "content-length") <= 1);
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "transfer-encoding") == (framing.body.kind == Body::Kind::chunked));
  FUZZ_CHECK(!framing.must_close || !again.keep_alive);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::take_apart(data, size);
  const auto whole = scan_in_parts(input.bytes, input.bytes.size());
  const auto cut = scan_in_parts(input.bytes, input.step);
  FUZZ_CHECK(cut.state == whole.state && cut.end == whole.end);
  static ResponseHead head;
  const Asked asked{.method = (input.flags & 1U) != 0 ? Method::head : Method::get,
                    .upgrade = (input.flags & 2U) != 0 ? "websocket" : ""};
  static_cast<void>(parse_response(input.bytes, asked, HeadLimits{}, head));
  const auto taken = take_response(input.bytes, asked, HeadLimits{}, head);
  FUZZ_CHECK(taken == 0 || (whole.state == HeadScanner::State::complete && whole.end == taken));
  if (whole.state != HeadScanner::State::complete) return 0;
  const auto bytes = std::string_view(input.bytes).substr(0, whole.end);
  const auto refusal = parse_response(bytes, asked, HeadLimits{}, head);
  FUZZ_CHECK((taken != 0) == !refusal);
  if (refusal) return 0;
  check_relayed(head, asked, static_cast<std::uint8_t>(input.step % 2), bytes.size());
  return 0;
}
