#pragma once

#include "proxy/http/head.h"
#include "proxy/http/writer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace drawbridge::http {

struct FieldSetting {
  std::string name;
  std::string value;
};

// A site's changes to fields on the way through. Checked when the configuration is read: names are tokens and not
// managed (is_managed), values pass is_field_value.
struct FieldEdits {
  std::span<const FieldSetting> set = {};  // replaces all lines of that name
  std::span<const std::string> remove = {};
};

// What the caller decided about a request on its way to an upstream.
struct ForwardSpec {
  std::string_view client_address = {};  // of the connection, text without port: "192.0.2.1", "2001:db8::1"
  std::string_view scheme = "http";      // the client spoke to us: "http" or "https"
  bool client_trusted = false;           // X-Forwarded-* received are believed and appended to; else replaced
  // Of the certificate that the client proved to have; empty: none. What clients send under that name is dropped.
  std::optional<std::string_view> client_certificate_subject = {};  // of the verified one, which may have none
  std::string_view request_id = {};                                 // X-Request-Id; empty: none is written
  std::string_view host = {};                                       // the Host to write; empty: the one received
  std::string_view fallback_host =
      {};                      // written if both are empty (HTTP/1.0 without Host): the server's own authority
  std::string_view path = {};  // replaces head.path if not empty (strip_prefix); the query is kept
  bool tunnel = false;         // pass head.upgrade on: the plan allows it
  std::string_view websocket_key = {};  // Sec-WebSocket-Key instead of the client's; empty: the client's
  std::string_view grpc_timeout = {};   // grpc-timeout instead of the client's; empty: the client's
  FieldEdits edits = {};
};

// Writes the whole request head, empty line included. One Host and one framing, from parsed values; hop-by-hop
// fields and those named by Connection are left out (RFC 9110 section 7.6.1). The body follows as head.body says:
// sized bytes as they are, chunked re-framed by us. Check writer.overflow() afterwards.
void write_upstream_request(HeadWriter& writer, const RequestHead& head, const ForwardSpec& spec);

// How a response travels on to the client.
struct ResponseFraming {
  Body body = {};           // what follows on the client connection
  bool must_close = false;  // until_close: the end of the connection is the end of the body
};

// From the upstream's framing and the client's version: length known → sized; unknown → chunked for HTTP/1.1,
// until_close for HTTP/1.0.
ResponseFraming frame_response(const ResponseHead& head, std::uint8_t client_minor_version);

// What the caller decided about a response on its way to the client.
struct ResponseSpec {
  std::uint8_t client_minor_version = 1;
  Body body = {};                    // from frame_response
  bool keep_alive = true;            // whether we keep the client connection; false if must_close
  std::string_view date = {};        // IMF-fixdate, written if the upstream sent no Date; empty: none is added
  std::string_view request_id = {};  // X-Request-Id of the response; empty: what the upstream sent is passed on
  // Drawbridge-Not-Processed is passed on: who sent it is known to speak the truth. A server that says it of what
  // it has done would have clients send their writes twice.
  bool not_processed = false;
  FieldEdits edits = {};
};

// Writes the whole response head, empty line included; also interim ones (1xx) and 101, for which framing, date and
// edits do not apply. Interim responses are never sent to an HTTP/1.0 client: the caller drops them.
void write_client_response(HeadWriter& writer, const ResponseHead& head, const ResponseSpec& spec);

// Most bytes that either function adds to what was received (edits and the given texts not counted): size buffers
// by it.
inline constexpr std::size_t head_growth_max = 1024;

}  // namespace drawbridge::http
