#include "proxy/http/grpc.h"

#include "proxy/base/ascii.h"

#include <chrono>

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

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view name = "application/grpc";
  if (!base::iequals(content_type.substr(0, name.size()), name)) return false;
  const auto rest = content_type.substr(name.size());
  return rest.empty() || std::string_view("+;-").contains(rest.front()) || base::trim(rest).empty();
}

std::optional<base::Millis> grpc_timeout(const RequestHead& head) {
  if (!is_grpc(head.headers.value(Field::content_type))) return std::nullopt;
  const auto* const field = head.headers.find(std::string_view("grpc-timeout"));
  return field != nullptr ? parse_grpc_timeout(field->value) : std::nullopt;
}

}  // namespace drawbridge::http
