#include "proxy/core/plan.h"

namespace drawbridge::core {

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::forward:
      return "forward";
    case Verdict::refuse:
      return "refuse";
    case Verdict::park:
      return "park";
    case Verdict::no_site:
      return "no_site";
    case Verdict::ambiguous:
      return "ambiguous";
    case Verdict::redirect:
      return "redirect";
    case Verdict::no_certificate:
      return "no_certificate";
    case Verdict::misdirected:
      return "misdirected";
  }
  return "unknown";
}

std::string_view name(Why why) {
  switch (why) {
    case Why::method:
      return "method";
    case Why::method_override:
      return "method_override";
    case Why::write_rule:
      return "write_rule";
    case Why::read_rule:
      return "read_rule";
    case Why::upgrade:
      return "upgrade";
    case Why::exempt_rule:
      return "exempt_rule";
    case Why::no_site:
      return "no_site";
    case Why::ambiguous_path:
      return "ambiguous_path";
    case Why::ambiguous_slice:
      return "ambiguous_slice";
  }
  return "unknown";
}

}  // namespace drawbridge::core
