// Any bytes at the beginning of a connection: a PROXY header is found alike however they come, and what was written
// as one is read as it was meant.
#include "proxy/http/proxy_protocol.h"
#include "tests/fuzz/fuzz_check.h"

#include <algorithm>
#include <string>

using namespace drawbridge;
using namespace drawbridge::http;

namespace {

using State = ProxyHeader::State;

// As a connection reads it: what is incomplete is taken whole, so the end must not depend on the pieces.
void check_pieces(const std::string& bytes, const ProxyHeader& whole) {
  const auto known = whole.state == State::complete ? whole.bytes : std::min(bytes.size(), proxy_v2_bytes_max + 1);
  bool ended = false;
  for (std::size_t length = 0; length <= known; ++length) {
    const auto part = read_proxy_header(std::string_view(bytes).substr(0, length));
    if (part.state == State::incomplete) {
      FUZZ_CHECK(!ended);
      continue;
    }
    FUZZ_CHECK(part.state == whole.state && part.parties == whole.parties);
    FUZZ_CHECK(part.state != State::complete || part.bytes == length);
    ended = true;
  }
  FUZZ_CHECK(ended == (whole.state != State::incomplete));
}

void check_header(const std::string& bytes) {
  const auto header = read_proxy_header(bytes);
  FUZZ_CHECK(header.state != State::complete ||
             (header.bytes <= bytes.size() && header.bytes <= proxy_v2_bytes_max));
  FUZZ_CHECK(header.state != State::incomplete || bytes.size() < proxy_v2_bytes_max);
  FUZZ_CHECK((header.state == State::refused) == !header.problem.empty());
  FUZZ_CHECK(header.state == State::complete || !header.parties);
  check_pieces(bytes, header);
  if (!header.parties) return;
  for (const auto version : {ProxyVersion::v1, ProxyVersion::v2}) {
    const auto written = write_proxy_header(version, *header.parties);
    const auto read = read_proxy_header(written);
    FUZZ_CHECK(read.parties == header.parties && read.bytes == written.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check_header(text);
  check_header("PROXY TCP4 " + text);
  check_header(std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11", 14) + text);
  return 0;
}
