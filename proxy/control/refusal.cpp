#include "proxy/control/refusal.h"

namespace drawbridge::control {

std::string_view name(RefusalCode code) {
  switch (code) {
    case RefusalCode::bad_request:
      return "bad_request";
    case RefusalCode::refused:
      return "refused";
    case RefusalCode::unknown_site:
      return "unknown_site";
    case RefusalCode::unknown_pool:
      return "unknown_pool";
    case RefusalCode::unknown_server:
      return "unknown_server";
    case RefusalCode::epoch_changed:
      return "epoch_changed";
    case RefusalCode::config_invalid:
      return "config_invalid";
    case RefusalCode::needs_restart:
      return "needs_restart";
    case RefusalCode::not_stored:
      return "not_stored";
    case RefusalCode::shutting_down:
      return "shutting_down";
  }
  return "unknown";
}

}  // namespace drawbridge::control
