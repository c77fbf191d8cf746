#include "proxy/serve/waiting_line.h"

#include <doctest/doctest.h>

#include <vector>

using namespace drawbridge;
using namespace std::chrono_literals;
using serve::WaitingLine;

namespace {

constexpr WaitingLine::Queue left{.worker = 0}, right{.worker = 1};
const base::SteadyTime noon = base::SteadyTime(1h);

struct Line : WaitingLine {
  void stand(Queue queue, base::SteadyTime first_came, std::size_t count = 1) {
    WaitingLine::stand(
        queue, {.first_came = first_came, .count = count, .call = [this, queue] { called.push_back(queue); }});
  }
  std::vector<Queue> called;
};

}  // namespace

TEST_CASE("whoever came first is next, in whichever queue") {
  Line line;
  line.stand(left, noon + 1s);
  line.stand(right, noon);
  CHECK_FALSE(line.is_next(left, noon + 1s));
  CHECK(line.is_next(right, noon));
  line.stand(right, noon + 2s);  // its first was let in
  CHECK(line.is_next(left, noon + 1s));
  CHECK_FALSE(line.is_next(right, noon + 2s));
}

TEST_CASE("who comes while others wait is behind them") {
  Line line;
  line.stand(left, noon);
  CHECK_FALSE(line.is_next(right, noon + 1s));
  line.leave(left);
  CHECK(line.empty());
  CHECK(line.is_next(right, noon + 1s));
}

TEST_CASE("of those who came at the same time one is next") {
  Line line;
  line.stand(left, noon);
  line.stand(right, noon);
  CHECK(line.is_next(left, noon) != line.is_next(right, noon));
}

TEST_CASE("a free place calls who is next, once until it asks") {
  Line line;
  line.place_free();
  line.stand(left, noon + 1s);
  line.stand(right, noon);
  line.place_free();
  line.place_free();
  CHECK(line.called == std::vector{right});
  CHECK(line.is_next(right, noon));
  line.place_free();
  CHECK(line.called == std::vector{right, right});
  line.leave(right);
  line.place_free();
  CHECK(line.called == std::vector{right, right, left});
}

TEST_CASE("a line that moves is waited in for longer than one that stands still") {
  Line line;
  line.stand(left, noon, 3);
  line.stand(right, noon, 4);
  CHECK(line.count() == 7);
  CHECK(line.too_long_since(noon) == noon - WaitingLine::standstill_max);
  line.let_in(noon);
  const auto soon = noon + WaitingLine::standstill_max - 1ms;
  CHECK(line.too_long_since(soon) == soon - WaitingLine::wait_max);
  CHECK(line.too_long_since(soon + 1ms) == noon);
}
