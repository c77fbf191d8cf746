#include "proxy/base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace drawbridge::base {
namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t ms;
};

constexpr std::array<Unit, 5> units{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t duration_ms_max = 366LL * 86'400'000;

std::string_view take_letters(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && text[n] >= 'a' && text[n] <= 'z') ++n;
  const auto letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

bool take_number(std::string_view& text, std::size_t digits_min, std::size_t digits_max, std::int64_t& value) {
  std::size_t n = 0;
  while (n < text.size() && n < digits_max && text[n] >= '0' && text[n] <= '9') ++n;
  if (n < digits_min) return false;
  std::from_chars(text.data(), text.data() + n, value);
  text.remove_prefix(n);
  return true;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

Error bad_duration(std::string_view text) {
  return {fmt::format("'{}' is not a duration; write a number with a unit, such as 250ms, 30s, 10m, 2h or 1h30m",
                      text)};
}

Error long_duration(std::string_view text) {
  return {fmt::format("'{}' is longer than {}, the longest duration there is", text,
                      format_duration(Millis(duration_ms_max)))};
}

Error bad_time(std::string_view text) {
  return {fmt::format("'{}' is not a time; write 08:00 (UTC) or 2026-03-01T08:00:00Z", text)};
}

using Days = std::chrono::sys_days;

// Reads "HH:MM[:SS]" into milliseconds since midnight.
bool take_time_of_day(std::string_view& rest, Millis& out) {
  std::int64_t hour = 0, minute = 0, second = 0;
  if (!take_number(rest, 2, 2, hour) || !take_char(rest, ':') || !take_number(rest, 2, 2, minute)) return false;
  if (take_char(rest, ':') && !take_number(rest, 2, 2, second)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  out = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  return true;
}

bool take_offset(std::string_view& rest, Millis& out) {
  if (take_char(rest, 'Z') || take_char(rest, 'z')) return true;
  const bool minus = !rest.empty() && rest.front() == '-';
  if (!minus && (rest.empty() || rest.front() != '+')) return false;
  rest.remove_prefix(1);
  if (!take_time_of_day(rest, out)) return false;
  if (minus) out = -out;
  return true;
}

bool take_fraction(std::string_view& rest, Millis& out) {
  if (!take_char(rest, '.')) return true;
  std::int64_t fraction = 0;
  const auto before = rest.size();
  if (!take_number(rest, 1, 3, fraction)) return false;
  for (auto digits = before - rest.size(); digits < 3; ++digits) fraction *= 10;
  out += Millis(fraction);
  return true;
}

}  // namespace

Now now() {
  return {.steady = SteadyClock::now(),
          .wall = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now())};
}

Expected<Millis> parse_duration(std::string_view text) {
  auto rest = text;
  std::int64_t total = 0;
  bool too_long = false;
  if (rest.empty()) return std::unexpected(bad_duration(text));
  while (!rest.empty()) {
    std::int64_t number = 0;
    if (!take_number(rest, 1, 12, number)) return std::unexpected(bad_duration(text));
    const auto suffix = take_letters(rest);
    std::int64_t scale = 0;
    for (const auto& unit : units) {
      if (unit.suffix == suffix) scale = unit.ms;
    }
    if (scale == 0) return std::unexpected(bad_duration(text));
    too_long = too_long || number > (duration_ms_max - total) / scale;
    if (!too_long) total += number * scale;
  }
  if (too_long) return std::unexpected(long_duration(text));
  return Millis(total);
}

std::string format_duration(Millis duration) {
  if (duration.count() <= 0) return "0s";
  std::string text;
  auto rest = duration.count();
  for (const auto& unit : units) {
    if (rest >= unit.ms) text += fmt::format("{}{}", rest / unit.ms, unit.suffix);
    rest %= unit.ms;
  }
  return text;
}

std::string describe_duration(Millis duration) {
  if (duration.count() <= 0) return "0s";
  std::string text;
  auto rest = duration.count();
  int parts = 0;
  for (const auto& unit : units) {
    if (rest >= unit.ms && parts < 2 && !(parts > 0 && unit.ms == 1)) {
      text += fmt::format("{}{}{}", parts ? " " : "", rest / unit.ms, unit.suffix);
      ++parts;
    }
    rest %= unit.ms;
  }
  return text;
}

std::string format_time(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto ms = (time - day).count();
  auto text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                          static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), ms / 3'600'000,
                          ms / 60'000 % 60, ms / 1'000 % 60);
  if (ms % 1'000 != 0) text += fmt::format(".{:03}", ms % 1'000);
  return text + "Z";
}

Expected<WallTime> parse_time(std::string_view text, WallTime now) {
  auto rest = text;
  Millis of_day{};
  if (rest.size() <= 9) {
    if (!take_time_of_day(rest, of_day)) return std::unexpected(bad_time(text));
    take_char(rest, 'Z');
    if (!rest.empty()) return std::unexpected(bad_time(text));
    WallTime time = std::chrono::floor<std::chrono::days>(now) + of_day;
    if (time <= now) time += std::chrono::days(1);
    return time;
  }
  std::int64_t year = 0, month = 0, day = 0;
  Millis offset{};
  const bool read = take_number(rest, 4, 4, year) && take_char(rest, '-') && take_number(rest, 2, 2, month) &&
                    take_char(rest, '-') && take_number(rest, 2, 2, day) &&
                    (take_char(rest, 'T') || take_char(rest, 't') || take_char(rest, ' ')) &&
                    take_time_of_day(rest, of_day) && take_fraction(rest, of_day) && take_offset(rest, offset);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!read || !rest.empty() || !date.ok()) return std::unexpected(bad_time(text));
  return WallTime(Days(date)) + of_day - offset;
}

std::string format_http_date(WallTime time) {
  static constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time - day).count();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", weekdays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace drawbridge::base
