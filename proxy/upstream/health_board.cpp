#include "proxy/upstream/health_board.h"

namespace drawbridge::upstream {

std::string_view name(HealthState state) {
  switch (state) {
    case HealthState::unknown:
      return "unknown";
    case HealthState::up:
      return "up";
    case HealthState::down:
      return "down";
  }
  return "unknown";
}

}  // namespace drawbridge::upstream
