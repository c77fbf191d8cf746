#include "proxy/core/retry.h"

#include "proxy/core/methods.h"

#include <algorithm>
#include <array>

namespace drawbridge::core {
namespace {

constexpr std::uint32_t attempts_max = 2;

bool repeatable(const RetryFacts& facts) {
  const bool read_in_name_only =
      facts.request_class == RequestClass::write && EffectiveMethods::is_safe(facts.method);
  return is_idempotent(facts.method) && !read_in_name_only;
}

// Failures that another connection may not meet. A server that was too slow would only be asked to do more.
bool worth_another(const RetryFacts& facts) {
  switch (facts.failure.reason) {
    case base::Reason::closed:
    case base::Reason::reset:
    case base::Reason::refused:
      return true;
    case base::Reason::timed_out:
      return !facts.request_bytes_sent;
    case base::Reason::cancelled:
    case base::Reason::malformed:
    case base::Reason::too_large:
    case base::Reason::handshake:
    case base::Reason::no_descriptors:
    case base::Reason::no_server:
    case base::Reason::unsupported:
    case base::Reason::unavailable:
      return false;
  }
  return false;
}

}  // namespace

bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool may_retry(const RetryFacts& facts) {
  if (facts.cut || facts.attempts >= attempts_max) return false;
  if (facts.response_bytes_seen || facts.failure.fault != base::Fault::upstream) return false;
  const bool untouched = !facts.request_bytes_sent || facts.failure.retry_safe;
  return worth_another(facts) && (untouched || repeatable(facts));
}

}  // namespace drawbridge::core
