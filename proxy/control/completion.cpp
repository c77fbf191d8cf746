#include "proxy/control/completion.h"

namespace drawbridge::control {

std::string_view name(Stage stage) {
  switch (stage) {
    case Stage::published:
      return "published";
    case Stage::fenced:
      return "fenced";
    case Stage::draining:
      return "draining";
  }
  return "unknown";
}

}  // namespace drawbridge::control
