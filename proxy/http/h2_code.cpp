#include "proxy/http/h2_code.h"

namespace drawbridge::http {

std::string_view name(H2Code code) {
  switch (code) {
    case H2Code::no_error:
      return "NO_ERROR";
    case H2Code::protocol_error:
      return "PROTOCOL_ERROR";
    case H2Code::internal_error:
      return "INTERNAL_ERROR";
    case H2Code::flow_control_error:
      return "FLOW_CONTROL_ERROR";
    case H2Code::settings_timeout:
      return "SETTINGS_TIMEOUT";
    case H2Code::stream_closed:
      return "STREAM_CLOSED";
    case H2Code::frame_size_error:
      return "FRAME_SIZE_ERROR";
    case H2Code::refused_stream:
      return "REFUSED_STREAM";
    case H2Code::cancel:
      return "CANCEL";
    case H2Code::compression_error:
      return "COMPRESSION_ERROR";
    case H2Code::connect_error:
      return "CONNECT_ERROR";
    case H2Code::enhance_your_calm:
      return "ENHANCE_YOUR_CALM";
    case H2Code::inadequate_security:
      return "INADEQUATE_SECURITY";
    case H2Code::http_1_1_required:
      return "HTTP_1_1_REQUIRED";
  }
  return "UNKNOWN";
}

}  // namespace drawbridge::http
