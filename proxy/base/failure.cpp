#include "proxy/base/failure.h"

#include <cerrno>

namespace drawbridge::base {

std::string_view name(Fault fault) {
  switch (fault) {
    case Fault::client:
      return "client";
    case Fault::upstream:
      return "upstream";
    case Fault::proxy:
      return "proxy";
  }
  return "unknown";
}

std::string_view name(Reason reason) {
  switch (reason) {
    case Reason::closed:
      return "closed";
    case Reason::reset:
      return "reset";
    case Reason::refused:
      return "refused";
    case Reason::timed_out:
      return "timed_out";
    case Reason::cancelled:
      return "cancelled";
    case Reason::malformed:
      return "malformed";
    case Reason::handshake:
      return "handshake";
    case Reason::too_large:
      return "too_large";
    case Reason::no_descriptors:
      return "no_descriptors";
    case Reason::no_server:
      return "no_server";
    case Reason::unsupported:
      return "unsupported";
    case Reason::unavailable:
      return "unavailable";
  }
  return "unknown";
}

Failure os_failure(Fault fault, int os_error) {
  Reason reason = Reason::unavailable;
  switch (os_error) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      reason = Reason::reset;
      break;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case ENOENT:
      reason = Reason::refused;
      break;
    case ETIMEDOUT:
      reason = Reason::timed_out;
      break;
    case ECANCELED:
      reason = Reason::cancelled;
      break;
    case EMFILE:
    case ENFILE:
      reason = Reason::no_descriptors;
      break;
    default:
      break;
  }
  return {.fault = fault, .reason = reason, .retry_safe = false, .os_error = os_error};
}

}  // namespace drawbridge::base
