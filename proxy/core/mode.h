#pragma once

#include "proxy/base/time.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::core {

// What the public may do with a site right now.
enum class Mode : std::uint8_t { live, readonly, hold, maintenance };
enum class HoldScope : std::uint8_t { writes, all };

// The three classes of a request in flight: what readonly and hold do to it, and what a drain waits for.
enum class RequestClass : std::uint8_t { read, write, tunnel };
inline constexpr std::size_t request_class_count = 3;

std::string_view name(Mode mode);
std::string_view name(HoldScope scope);
std::string_view name(RequestClass request_class);
std::optional<Mode> parse_mode(std::string_view text);
std::optional<HoldScope> parse_hold_scope(std::string_view text);

// The mode of one site with its story: the part of the state that operators read. Durable.
struct ModeState {
  Mode mode = Mode::live;
  HoldScope scope = HoldScope::writes;  // of hold only
  base::WallTime since{};
  std::optional<base::WallTime> until;  // when `then` follows by itself; none: until it is changed
  Mode then = Mode::live;
  std::string reason;
  std::string by;  // "alice (uid 1000)", "config", "timer"
};

// A set of request classes.
struct ClassMask {
  std::uint8_t bits = 0;

  constexpr bool has(RequestClass c) const { return (bits >> static_cast<unsigned>(c) & 1U) != 0; }
  constexpr ClassMask with(RequestClass c) const {
    return {static_cast<std::uint8_t>(bits | 1U << static_cast<unsigned>(c))};
  }
};

// What must end before a change to `mode` is in force (DESIGN: fence, drain, receipt). Live waits for nothing.
ClassMask drains(Mode mode, HoldScope scope);

}  // namespace drawbridge::core
