#include "proxy/serve/failure_status.h"

namespace drawbridge::serve {
namespace {

using base::Reason;

std::uint16_t client_status(Reason reason) {
  switch (reason) {
    case Reason::timed_out:
      return 408;
    case Reason::too_large:
      return 413;
    case Reason::malformed:
      return 400;
    case Reason::closed:
    case Reason::reset:
    case Reason::refused:
    case Reason::cancelled:
    case Reason::handshake:
    case Reason::no_descriptors:
    case Reason::no_server:
    case Reason::unsupported:
    case Reason::unavailable:
      return 0;
  }
  return 0;
}

std::uint16_t upstream_status(Reason reason) {
  switch (reason) {
    case Reason::timed_out:
      return 504;
    case Reason::unsupported:
      return 501;
    case Reason::cancelled:
    case Reason::closed:
    case Reason::reset:
    case Reason::refused:
    case Reason::malformed:
    case Reason::too_large:
    case Reason::handshake:
    case Reason::no_descriptors:
    case Reason::no_server:
    case Reason::unavailable:
      return 502;
  }
  return 502;
}

}  // namespace

std::uint16_t status_of(const base::Failure& failure) {
  switch (failure.fault) {
    case base::Fault::client:
      return client_status(failure.reason);
    case base::Fault::upstream:
      return upstream_status(failure.reason);
    case base::Fault::proxy:
      return 503;
  }
  return 503;
}

}  // namespace drawbridge::serve
