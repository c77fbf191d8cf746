#pragma once

#include <cstdint>
#include <string_view>

namespace drawbridge::http {

// Error codes of RST_STREAM and GOAWAY (RFC 9113 section 7). Codes that are none of these are kept as they came.
enum class H2Code : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  settings_timeout = 0x4,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  connect_error = 0xa,
  enhance_your_calm = 0xb,
  inadequate_security = 0xc,
  http_1_1_required = 0xd,
};

// "PROTOCOL_ERROR"; "UNKNOWN" for a code that the RFC does not have.
std::string_view name(H2Code code);

}  // namespace drawbridge::http
