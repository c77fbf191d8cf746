#include "proxy/obs/status_slots.h"

#include <fmt/format.h>

namespace drawbridge::obs {
namespace {

constexpr unsigned first_status = 100;
constexpr unsigned last_status = 599;

constexpr auto make_table() {
  std::array<std::uint8_t, last_status - first_status + 1> table{};
  for (unsigned status = first_status; status <= last_status; ++status) {
    table[status - first_status] = static_cast<std::uint8_t>(counted_statuses.size() + status / 100);
  }
  for (std::size_t slot = 0; slot < counted_statuses.size(); ++slot) {
    table[counted_statuses[slot] - first_status] = static_cast<std::uint8_t>(slot);
  }
  return table;
}

constexpr auto table = make_table();
static_assert(status_slots <= 255);

}  // namespace

std::size_t status_slot(unsigned status) {
  if (status < first_status || status > last_status) return counted_statuses.size();
  return table[status - first_status];
}

std::string status_label(std::size_t slot) {
  if (slot < counted_statuses.size()) return fmt::to_string(counted_statuses[slot]);
  const auto status_class = slot - counted_statuses.size();
  return status_class == 0 ? "none" : fmt::format("{}xx", status_class);
}

bool is_server_error(unsigned status) {
  return status >= 500 && status <= 599;
}

}  // namespace drawbridge::obs
