#include "proxy/app/ending.h"

#include <doctest/doctest.h>

using namespace drawbridge;
using namespace std::chrono_literals;
using app::may_leave;

namespace {

constexpr base::SteadyTime asked{1'000s};

}  // namespace

TEST_CASE("with nothing in flight nobody is waited for") {
  CHECK(may_leave(asked, asked, std::nullopt));
}

TEST_CASE("what was in flight at the signal is waited for, however young it is") {
  CHECK_FALSE(may_leave(asked, asked, asked));
  CHECK_FALSE(may_leave(asked, asked + 1ms, asked - 1ms));
  CHECK_FALSE(may_leave(asked, asked + 1h, asked));
}

TEST_CASE("of what came later only what is long already is waited for, and less so the longer we wait") {
  struct Row {
    base::Millis waited, age;
    bool may;
  };
  for (const auto& [waited, age, may] :
       {Row{20ms, 19ms, true}, Row{1'500ms, 999ms, true}, Row{1'500ms, 1'000ms, false}, Row{6'000ms, 2'999ms, true},
        Row{6'000ms, 3'000ms, false}, Row{60'000ms, 4'999ms, true}, Row{60'000ms, 5'000ms, false}}) {
    CAPTURE(waited.count());
    CAPTURE(age.count());
    const auto now = asked + waited;
    CHECK(may_leave(asked, now, now - age) == may);
  }
}
