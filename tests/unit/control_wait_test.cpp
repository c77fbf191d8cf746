#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace drawbridge;
using control::WaitFor;
using core::Mode;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

using Result = std::optional<std::expected<control::Waited, control::Refusal>>;
using tests::a_write;

std::shared_ptr<Result> wait(ControlRoom& room, WaitFor what) {
  auto result = std::make_shared<Result>();
  room.controller().wait(std::move(what), [result](auto waited) { *result = std::move(waited); });
  REQUIRE_FALSE(result->has_value());
  room.alarms.settle();
  return result;
}

WaitFor until(WaitFor::Until what, Mode mode = Mode::live) {
  WaitFor wanted;
  wanted.until = what;
  wanted.mode = mode;
  wanted.sites = {"shop"};
  return wanted;
}

}  // namespace

TEST_CASE("a wait for what is already so ends at once") {
  StartedRoom room;
  for (const auto what : {WaitFor::Until::live, WaitFor::Until::drained}) {
    const auto result = wait(room, until(what));
    REQUIRE(result->has_value());
    CHECK((*result)->value().reached);
  }
}

TEST_CASE("a wait for a mode ends when its fence has passed, one for drained when the last request has ended") {
  StartedRoom room;
  const auto write = room.workers->enter("shop", a_write);
  const auto readonly = wait(room, until(WaitFor::Until::mode, Mode::readonly));
  room.workers->hold_fences();
  room.mode(Mode::readonly, {"shop"});
  const auto drained = wait(room, until(WaitFor::Until::drained));
  room.alarms.settle();
  CHECK_FALSE(readonly->has_value());
  room.workers->release_fences();
  room.alarms.settle();
  REQUIRE(readonly->has_value());
  CHECK((*readonly)->value().reached);
  room.alarms.advance(base::Millis(60'000));
  CHECK_FALSE(drained->has_value());
  room.workers->leave(write);
  room.alarms.settle();
  REQUIRE(drained->has_value());
  CHECK((*drained)->value().reached);
  CHECK((*drained)->value().waited.count() == 60'000);
}

TEST_CASE("a wait whose time is over names the sites that are missing") {
  StartedRoom room;
  room.mode(Mode::maintenance, {"shop"});
  WaitFor live;
  live.until = WaitFor::Until::live;
  live.timeout = base::Millis(500);
  const auto result = wait(room, live);
  room.alarms.advance(base::Millis(500));
  room.alarms.settle();
  REQUIRE(result->has_value());
  CHECK_FALSE((*result)->value().reached);
  CHECK((*result)->value().missing == std::vector<std::string>{"shop"});
}

TEST_CASE("a wait for an unknown site is refused, a cancelled one is silent") {
  StartedRoom room;
  auto unknown = until(WaitFor::Until::live);
  unknown.sites = {"shopp"};
  const auto refused = wait(room, unknown);
  REQUIRE(refused->has_value());
  CHECK((*refused)->error().code == control::RefusalCode::unknown_site);

  bool told = false;
  const auto id =
      room.controller().wait(until(WaitFor::Until::mode, Mode::readonly), [&](const auto&) { told = true; });
  room.controller().cancel_wait(id);
  room.mode(Mode::readonly);
  room.alarms.advance(base::Millis(100'000'000));
  CHECK_FALSE(told);
}
