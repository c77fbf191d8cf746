#include "proxy/http/h2_fields.h"

#include "proxy/base/check.h"
#include "proxy/http/fields.h"

#include <algorithm>
#include <cstddef>

namespace drawbridge::http {
namespace {

bool is_of_http_1(Field field) {
  switch (field) {
    case Field::host:  // :authority
    case Field::connection:
    case Field::keep_alive:
    case Field::proxy_connection:
    case Field::transfer_encoding:
    case Field::upgrade:
    case Field::te:
    case Field::http2_settings:
      return true;
    default:
      return false;
  }
}

// Takes the first line off `text`, without its line end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  DRAWBRIDGE_CHECK(end != std::string_view::npos);
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

H2Field split(std::string_view line) {
  const auto colon = line.find(':');
  DRAWBRIDGE_CHECK(colon != std::string_view::npos);
  auto value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  return {.name = line.substr(0, colon), .value = value};
}

void add_fields(std::string_view lines, H2Fields& out) {
  while (!lines.empty() && !lines.starts_with("\r\n")) {
    auto field = split(take_line(lines));
    const auto known = field_of(field.name);
    field.lasts = known != Field::x_request_id;
    if (!is_of_http_1(known)) out.push_back(field);
  }
}

std::string_view host_of(std::string_view lines) {
  while (!lines.empty() && !lines.starts_with("\r\n")) {
    const auto field = split(take_line(lines));
    if (field_of(field.name) == Field::host) return field.value;
  }
  return {};
}

}  // namespace

void read_response_fields(std::string_view head, H2Fields& out) {
  const auto line = take_line(head);
  DRAWBRIDGE_CHECK(line.size() >= 12);
  out.clear();
  out.push_back({.name = ":status", .value = line.substr(9, 3)});
  add_fields(head, out);
}

void read_request_fields(const H2Session::Ask& ask, H2Fields& out) {
  auto lines = ask.head;
  const auto line = take_line(lines);
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  DRAWBRIDGE_CHECK(method_end < target_end);
  const bool connect = !ask.protocol.empty();
  out.clear();
  out.push_back({.name = ":method", .value = connect ? "CONNECT" : line.substr(0, method_end)});
  out.push_back({.name = ":scheme", .value = ask.scheme});
  out.push_back({.name = ":authority", .value = host_of(lines)});
  out.push_back({.name = ":path", .value = line.substr(method_end + 1, target_end - method_end - 1)});
  if (connect) out.push_back({.name = ":protocol", .value = ask.protocol});
  add_fields(lines, out);
  if (connect) {
    const auto is_key = [](const H2Field& field) { return field_of(field.name) == Field::sec_websocket_key; };
    out.erase(std::remove_if(out.begin(), out.end(), is_key), out.end());
  }
  // gRPC servers want to hear it; what trailers come are passed on.
  out.push_back({.name = "te", .value = "trailers"});
}

void read_field_lines(std::string_view lines, H2Fields& out) {
  out.clear();
  add_fields(lines, out);
}

}  // namespace drawbridge::http
