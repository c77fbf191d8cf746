// Any chunked body: decoded alike however it is cut, and framed anew it decodes to the same.
#include "proxy/http/chunked.h"
#include "tests/fuzz/fuzz_check.h"

#include <algorithm>
#include <cstring>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

struct Decoded {
  ChunkDecoder::State state = ChunkDecoder::State::need_more;
  std::string data;
  std::string trailers;
  std::size_t consumed = 0;
  std::string_view rule;
};

Decoded decode(std::string bytes, std::size_t step) {
  ChunkDecoder decoder;
  Decoded out;
  std::size_t end = std::min(step, bytes.size());
  while (true) {
    const auto before = out.consumed;
    const auto result = decoder.step(std::span(bytes).subspan(out.consumed, end - out.consumed));
    out.consumed += result.consumed;
    out.state = result.state;
    out.data.append(result.data.data(), result.data.size());
    FUZZ_CHECK(out.consumed <= end);
    FUZZ_CHECK((result.state == ChunkDecoder::State::data) == !result.data.empty());
    if (result.state == ChunkDecoder::State::data) {
      FUZZ_CHECK(out.consumed > before);
      continue;
    }
    if (result.state != ChunkDecoder::State::need_more || end == bytes.size()) break;
    FUZZ_CHECK(out.consumed == end);
    end = std::min(end + step, bytes.size());
  }
  out.trailers = decoder.trailers();
  out.rule = decoder.refusal().rule;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::take_apart(data, size);
  const auto whole = decode(input.bytes, std::max<std::size_t>(input.bytes.size(), 1));
  const auto cut = decode(input.bytes, input.step);
  FUZZ_CHECK(whole.state == cut.state && whole.data == cut.data && whole.rule == cut.rule);
  FUZZ_CHECK(whole.consumed == cut.consumed);
  if (whole.state != ChunkDecoder::State::done) return 0;
  FUZZ_CHECK(whole.trailers == cut.trailers);
  FUZZ_CHECK(fuzz::count_fields(whole.trailers, "content-length") == 0);
  FUZZ_CHECK(fuzz::count_fields(whole.trailers, "transfer-encoding") == 0);
  FUZZ_CHECK(fuzz::count_fields(whole.trailers, "host") == 0);

  std::string framed;
  if (!whole.data.empty()) framed.append(ChunkHead(whole.data.size()).view()).append(whole.data).append(chunk_end);
  framed.append(last_chunk).append(whole.trailers).append("\r\n");
  const auto again = decode(framed, input.step);
  FUZZ_CHECK(again.state == ChunkDecoder::State::done && again.consumed == framed.size());
  FUZZ_CHECK(again.data == whole.data && again.trailers == whole.trailers);
  return 0;
}
