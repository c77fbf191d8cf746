#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace drawbridge::http {

// The field names this proxy knows by kind. The order is that of the table in fields.cpp.
enum class Field : std::uint8_t {
  other,
  // Framing and connection.
  host,
  connection,
  content_length,
  transfer_encoding,
  te,
  trailer,
  upgrade,
  expect,
  keep_alive,
  proxy_connection,
  proxy_authenticate,
  proxy_authorization,
  proxy_authentication_info,
  http2_settings,
  // Written by us.
  x_forwarded_for,
  x_forwarded_proto,
  x_forwarded_host,
  forwarded,
  via,
  x_request_id,
  x_client_certificate_subject,
  date,
  drawbridge_not_processed,
  // Read by the rules of a site.
  x_http_method_override,
  x_http_method,
  x_method_override,
  // Read elsewhere, or without meaning in a trailer.
  accept,
  accept_encoding,
  accept_language,
  age,
  authorization,
  cache_control,
  content_encoding,
  content_language,
  content_range,
  content_type,
  cookie,
  etag,
  expires,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  last_modified,
  location,
  max_forwards,
  origin,
  pragma,
  range,
  referer,
  retry_after,
  sec_websocket_accept,
  sec_websocket_key,
  server,
  set_cookie,
  user_agent,
  vary,
  www_authenticate,
};

inline constexpr std::size_t field_count = static_cast<std::size_t>(Field::www_authenticate) + 1;

// Kind of a field name, without regard to case; `other` for names not in the table.
Field field_of(std::string_view name);

// The same for 1 to 31 bytes of any kind that stand where 32 may be read.
Field field_of_readable(std::string_view name);

// The usual spelling, "Content-Length"; empty for `other`.
std::string_view name(Field field);

// Fields the proxy writes or removes by itself: operators cannot set or remove them by configuration, a Connection
// option cannot take them away, and a name that becomes one of them when '_' is read as '-' (as CGI, WSGI and PHP
// do) is never forwarded.
bool is_managed(Field field);

// Kind of a name with each '_' read as '-', if it has one and that kind is managed; else `other`.
Field disguised_field(std::string_view name);

// True if name is a token of RFC 9110 section 5.6.2 (field names, methods).
bool is_token(std::string_view name);

}  // namespace drawbridge::http
