// Everything a client may send on one connection, in any cuts: what goes to the upstream, read by a server as
// simple as can be, is the same requests with the same bodies, not one more. No request is smuggled.
#include "tests/fuzz/fuzz_check.h"
#include "tests/stage/naive_reader.h"
#include "tests/stage/request_judge.h"

#include <string_view>
#include <vector>

using namespace drawbridge;
using namespace drawbridge::stage;

namespace {

std::vector<Judged> seen_by_server(std::string_view bytes) {
  std::vector<Judged> seen;
  while (!bytes.empty()) {
    const auto request = read_request(bytes);
    FUZZ_CHECK(request.extent == Message::Extent::whole);
    FUZZ_CHECK(!request.has("transfer-encoding") || !request.has("content-length"));
    seen.push_back({.line = std::string(request.method_and_target()), .body = request.body, .method = {}});
    bytes.remove_prefix(request.end);
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::take_apart(data, size);
  const auto whole = judge_requests(input.bytes, input.bytes.size());
  const auto cut = judge_requests(input.bytes, input.step);
  FUZZ_CHECK(whole.requests == cut.requests);
  FUZZ_CHECK(seen_by_server(whole.sent) == whole.requests);
  FUZZ_CHECK(seen_by_server(cut.sent) == cut.requests);
  return 0;
}
