#include "proxy/http/h2_strays.h"

#include <doctest/doctest.h>

using namespace drawbridge;
using http::H2StreamId;
using Kind = http::H2Strays::Kind;

namespace {

constexpr H2StreamId remembered = 64;

// Streams 1, 3 … that have been opened, each of which was reset.
struct Resets : http::H2Strays {
  explicit Resets(H2StreamId count, bool by_us) {
    for (H2StreamId id = 1; id < 2 * count; id += 2) {
      opened(id);
      reset(id, by_us);
    }
  }
};

}  // namespace

TEST_CASE("what comes for a stream that is over is judged by who has ended it") {
  http::H2Strays strays;
  for (const H2StreamId id : {1U, 3U, 5U, 9U}) strays.opened(id);
  strays.reset(3, true);
  strays.reset(5, false);
  CHECK(strays.judge(1) == Kind::closed);
  CHECK(strays.judge(3) == Kind::late);
  CHECK(strays.judge(5) == Kind::reset);
  CHECK(strays.judge(7) == Kind::skipped);
  CHECK(strays.judge(11) == Kind::unopened);
  strays.reset(5, true);
  CHECK(strays.judge(5) == Kind::late);
}

TEST_CASE("nobody is blamed for what comes for a stream that was reset too long ago to be remembered") {
  for (const bool by_us : {true, false}) {
    CHECK(Resets(remembered, by_us).judge(1) == (by_us ? Kind::late : Kind::reset));
    CHECK(Resets(remembered + 1, by_us).judge(1) == Kind::late);
  }
}
