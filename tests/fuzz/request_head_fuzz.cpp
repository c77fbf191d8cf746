// Any bytes of a client: judged alike however they are cut, and what is accepted means the same to the upstream.
#include "proxy/http/forward.h"
#include "proxy/http/reader.h"
#include "tests/fuzz/fuzz_check.h"

#include <algorithm>
#include <array>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

HeadScanner::Scan scan_in_parts(const std::string& bytes, std::size_t step) {
  HeadScanner scanner(HeadScanner::Side::request, HeadLimits{});
  for (std::size_t length = std::min(step, bytes.size());; length = std::min(length + step, bytes.size())) {
    const auto buffer = bytes.substr(0, length);
    const auto scan = scanner.scan(buffer);
    if (scan.state != HeadScanner::State::need_more || length == bytes.size()) return scan;
  }
}

bool same_body(const Body& a, const Body& b) {
  return a.kind == b.kind && a.bytes == b.bytes;
}

// What the upstream reads, by our own judge and by a simple-minded one, is what we read.
void check_forwarded(const RequestHead& head, std::size_t bytes) {
  static std::array<char, 64 * 1024> buffer;
  HeadWriter writer(buffer);
  write_upstream_request(writer, head,
                         {.client_address = "192.0.2.1",
                          .request_id = "0123456789abcdef",
                          .fallback_host = "127.0.0.1:9001",
                          .tunnel = true});
  FUZZ_CHECK(!writer.overflow());
  FUZZ_CHECK(writer.size() <= bytes + head_growth_max);
  HeadScanner scanner(HeadScanner::Side::request,
                      {.head_bytes_max = buffer.size(), .line_bytes_max = buffer.size()});
  const auto scan = scanner.scan(writer.view());
  FUZZ_CHECK(scan.state == HeadScanner::State::complete && scan.begin == 0 && scan.end == writer.size());
  static RequestHead again;
  const HeadLimits limits{
      .head_bytes_max = buffer.size(), .line_bytes_max = buffer.size(), .headers_max = header_capacity};
  FUZZ_CHECK(!parse_request(writer.view(), limits, again));
  FUZZ_CHECK(again.method_text == head.method_text && again.path == head.path && again.query == head.query);
  FUZZ_CHECK(again.has_query == head.has_query && same_body(again.body, head.body));
  FUZZ_CHECK(again.upgrade == head.upgrade && again.expects_continue == head.expects_continue);
  FUZZ_CHECK(head.authority.empty() || again.authority == head.authority);
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "host") == 1);
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "content-length") == (head.body.kind == Body::Kind::sized));
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "transfer-encoding") == (head.body.kind == Body::Kind::chunked));
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "connection") == !head.upgrade.empty());
  FUZZ_CHECK(fuzz::count_fields(writer.view(), "x-forwarded-for") == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::take_apart(data, size);
  const auto whole = scan_in_parts(input.bytes, input.bytes.size());
  const auto cut = scan_in_parts(input.bytes, input.step);
  static RequestHead head;
  const auto taken = take_request(input.bytes, HeadLimits{}, head);
  FUZZ_CHECK(taken == 0 || (whole.state == HeadScanner::State::complete && whole.begin == 0 && whole.end == taken));
  if (whole.state == HeadScanner::State::complete) {
    // Cut finely a bad request line is refused before the head is complete; that, too, must be a refusal whole.
    const auto bytes = std::string_view(input.bytes).substr(whole.begin, whole.end - whole.begin);
    const auto refusal = parse_request(bytes, HeadLimits{}, head);
    FUZZ_CHECK((taken != 0) == (!refusal && whole.begin == 0));
    if (!refusal) {
      FUZZ_CHECK(cut.state == HeadScanner::State::complete && cut.begin == whole.begin && cut.end == whole.end);
      check_forwarded(head, bytes.size());
    } else if (cut.state == HeadScanner::State::complete) {
      FUZZ_CHECK(cut.begin == whole.begin && cut.end == whole.end);
    } else {
      FUZZ_CHECK(cut.state == HeadScanner::State::refused && cut.refusal.rule == refusal->rule);
    }
  } else {
    FUZZ_CHECK(cut.state == whole.state);
  }
  static_cast<void>(parse_request(input.bytes, HeadLimits{}, head));
  return 0;
}
