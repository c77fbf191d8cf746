#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/mode.h"

#include <cstdint>
#include <string_view>

namespace drawbridge::core {

// An attempt that failed, as the one decision about retries sees it.
struct RetryFacts {
  base::Failure failure;
  std::string_view method{};
  std::uint32_t attempts = 1;        // made so far, on connections that were established
  bool connection_reused = false;    // it had carried an exchange before
  bool request_bytes_sent = false;   // at least one byte of the request has left
  bool response_bytes_seen = false;  // at least one byte has come back, or gone on to the client
  bool cut = false;                  // the request has been told to end, or the proxy is going down
  RequestClass request_class = RequestClass::read;
};

// RFC 9110 section 9.2.2.
bool is_idempotent(std::string_view method);

// Whether to ask once more, on another connection: once, only when nothing came back, and only when asking twice
// does no more than asking once, or nothing has left. A GET that is a write (a write rule or an override says so)
// is not idempotent, whatever its name. Presumes that the request can be sent again from its first byte. A
// connection that could not be established is no attempt: then the next server is asked while there is one.
bool may_retry(const RetryFacts& facts);

}  // namespace drawbridge::core
