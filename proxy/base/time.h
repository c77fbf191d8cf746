#pragma once

#include "proxy/base/failure.h"

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace drawbridge::base {

// Monotonic time: deadlines, ages, durations. Never stored across a restart.
using SteadyClock = std::chrono::steady_clock;
using SteadyTime = SteadyClock::time_point;

// Wall time, UTC: what operators read and what is stored. Millisecond resolution.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using Millis = std::chrono::milliseconds;

// Both clocks read together. Decisions take it as a parameter; only shells read the clocks.
struct Now {
  SteadyTime steady;
  WallTime wall;
};

Now now();

// "250ms", "30s", "10m", "2h", "1d", and sums such as "1h30m". A bare number is an error (no unit).
Expected<Millis> parse_duration(std::string_view text);

// The shortest exact form that parse_duration reads back: "1m30s", "250ms", "0s".
std::string format_duration(Millis duration);

// For people: at most two units, "1m 30s", "3h 2m", "480ms".
std::string describe_duration(Millis duration);

// RFC 3339 in UTC with milliseconds left out when zero: "2026-03-01T08:00:00Z".
std::string format_time(WallTime time);

// RFC 3339 with offset, "HH:MM" or "HH:MM:SS" with optional "Z" (the next such time after `now`, UTC).
Expected<WallTime> parse_time(std::string_view text, WallTime now);

// IMF-fixdate of RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". Always 29 bytes.
std::string format_http_date(WallTime time);

}  // namespace drawbridge::base
