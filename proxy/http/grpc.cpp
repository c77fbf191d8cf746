#include "proxy/http/grpc.h"

#include "proxy/base/ascii.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace drawbridge::http {
namespace {

using std::chrono::ceil;

constexpr std::size_t digits_max = 8;

}  // namespace

std::optional<base::Millis> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > digits_max + 1) return std::nullopt;
  const auto amount = base::parse_decimal(text.substr(0, text.size() - 1));
  if (!amount) return std::nullopt;
  const auto count = static_cast<std::int64_t>(*amount);
  switch (text.back()) {
    case 'H':
      return std::chrono::hours(count);
    case 'M':
      return std::chrono::minutes(count);
    case 'S':
      return std::chrono::seconds(count);
    case 'm':
      return base::Millis(count);
    case 'u':
      return ceil<base::Millis>(std::chrono::microseconds(count));
    case 'n':
      return ceil<base::Millis>(std::chrono::nanoseconds(count));
    default:
      return std::nullopt;
  }
}

std::string make_grpc_timeout(base::Millis timeout) {
  struct Unit {
    std::int64_t millis;
    char letter;
  };
  constexpr std::array<Unit, 4> units{{{1, 'm'}, {1'000, 'S'}, {60'000, 'M'}, {3'600'000, 'H'}}};
  constexpr std::int64_t count_max = 99'999'999;
  const auto fits = [&](const Unit& unit) { return timeout.count() / unit.millis <= count_max; };
  const auto* const unit = std::ranges::find_if(units, fits);
  if (unit == units.end()) return std::to_string(count_max) + units.back().letter;
  return std::to_string(timeout.count() / unit->millis) + unit->letter;
}

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view name = "application/grpc";
  if (!base::iequals(content_type.substr(0, name.size()), name)) return false;
  const auto rest = content_type.substr(name.size());
  return rest.empty() || std::string_view("+;-").contains(rest.front()) || base::trim(rest).empty();
}

std::optional<base::Millis> grpc_timeout(const RequestHead& head) {
  if (!is_grpc(head.headers.value(Field::content_type))) return std::nullopt;
  const auto* const field = head.headers.find(grpc_timeout_name);
  return field != nullptr ? parse_grpc_timeout(field->value) : std::nullopt;
}

}  // namespace drawbridge::http
