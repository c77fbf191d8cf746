#include "proxy/core/receipt.h"

namespace drawbridge::core {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "done";
    case Outcome::outstanding:
      return "outstanding";
    case Outcome::unknown:
      return "unknown";
    case Outcome::cut:
      return "cut";
    case Outcome::superseded:
      return "superseded";
    case Outcome::failed_back:
      return "failed_back";
    case Outcome::returned:
      return "returned";
    case Outcome::watch_failed:
      return "watch_failed";
  }
  return "unknown";
}

}  // namespace drawbridge::core
