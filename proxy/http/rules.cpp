#include "proxy/http/rules.h"

#include <cstddef>

namespace drawbridge::http {

constexpr std::array<RuleEntry, rule_count> rules{{
    // Lines.
    {Rule::line_end, 400, "line_end", "RFC 9112 2.2, 11.1",
     "a lone LF or CR: one server ends the line there and another does not"},
    {Rule::control_byte, 400, "control_byte", "RFC 9110 5.5",
     "NUL and other control bytes end strings early or are stripped somewhere behind us"},
    {Rule::empty_lines, 400, "empty_lines", "RFC 9112 2.2",
     "one empty line before a request is a forgivable old habit; more, or one before a response, is garbage"},
    {Rule::line_too_long, 414, "line_too_long", "RFC 9112 3", "every buffer has a bound"},
    {Rule::head_too_large, 431, "head_too_large", "RFC 6585 5", "every buffer has a bound"},
    {Rule::too_many_fields, 431, "too_many_fields", "RFC 6585 5", "every list has a bound"},
    // The request line.
    {Rule::request_line, 400, "request_line", "RFC 9112 3",
     "exactly method SP target SP version: servers disagree about every other blank"},
    {Rule::method, 400, "method", "RFC 9110 9.1", "a method is a token"},
    {Rule::method_too_long, 501, "method_too_long", "RFC 9112 3", "no such method is known anywhere"},
    {Rule::method_refused, 405, "method_refused", "RFC 9110 9.3.6, 9.3.8",
     "CONNECT is for forward proxies, TRACE shows our own fields to scripts"},
    {Rule::version_syntax, 400, "version_syntax", "RFC 9112 2.3", "HTTP/ digit . digit, in capitals"},
    {Rule::version_unsupported, 505, "version_unsupported", "RFC 9110 15.6.6",
     "this connection speaks 1.0 and 1.1"},
    {Rule::target_byte, 400, "target_byte", "RFC 9112 3.2, RFC 3986 2",
     "a fragment, a quote, an angle bracket or a byte beyond ASCII never stands in a target"},
    {Rule::target_form, 400, "target_form", "RFC 9112 3.2",
     "origin-form or absolute-form; the asterisk is for OPTIONS alone"},
    {Rule::target_scheme, 400, "target_scheme", "RFC 9112 3.2.2", "absolute-form is http or https"},
    {Rule::target_userinfo, 400, "target_userinfo", "RFC 9110 4.2.4", "user@host is made to deceive"},
    {Rule::target_authority, 400, "target_authority", "RFC 9112 3.2.2",
     "the target names one host and Host another: servers disagree about which counts"},
    // Host.
    {Rule::host_missing, 400, "host_missing", "RFC 9112 3.2", "HTTP/1.1 wants exactly one Host"},
    {Rule::host_repeated, 400, "host_repeated", "RFC 9112 3.2", "servers disagree about which of two Hosts counts"},
    {Rule::host_malformed, 400, "host_malformed", "RFC 9112 3.2, RFC 9110 4.2.1",
     "a name or address literal with an optional port; an empty one names nobody"},
    // Field lines.
    {Rule::leading_space, 400, "leading_space", "RFC 9112 2.2",
     "white space before the first field hides it from some servers"},
    {Rule::folded_line, 400, "folded_line", "RFC 9112 5.2", "some servers join folded lines and others do not"},
    {Rule::field_without_colon, 400, "field_without_colon", "RFC 9112 5", "a field line has a colon"},
    {Rule::field_name, 400, "field_name", "RFC 9110 5.1", "a field name is a token"},
    {Rule::space_before_colon, 400, "space_before_colon", "RFC 9112 5.1",
     "\"Content-Length : 5\" is a length for some servers and an unknown field for others"},
    // Framing.
    {Rule::length_malformed, 400, "length_malformed", "RFC 9112 6.3",
     "one run of digits: signs, blanks, lists and overflow are read differently everywhere"},
    {Rule::length_repeated, 400, "length_repeated", "RFC 9112 6.3", "one length is enough, even if two agree"},
    {Rule::coding_repeated, 400, "coding_repeated", "RFC 9112 6.1", "chunked is applied at most once"},
    {Rule::coding_not_chunked, 400, "coding_not_chunked", "RFC 9112 6.3",
     "without chunked as the last coding a request has no end"},
    {Rule::coding_unknown, 501, "coding_unknown", "RFC 9112 6.1", "we apply chunked and no other coding"},
    {Rule::coding_with_length, 400, "coding_with_length", "RFC 9112 6.1",
     "two framings: the oldest way to smuggle a request"},
    {Rule::coding_in_http_1_0, 400, "coding_in_http_1_0", "RFC 9112 6.1",
     "HTTP/1.0 has no Transfer-Encoding: its framing is faulty"},
    // Semantics of the head.
    {Rule::connection_malformed, 400, "connection_malformed", "RFC 9110 7.6.1",
     "a list of tokens: what it names cannot be told otherwise"},
    {Rule::expectation, 417, "expectation", "RFC 9110 10.1.1", "100-continue is the only expectation there is"},
    // Responses.
    {Rule::status_line, 502, "status_line", "RFC 9112 4", "version SP three digits SP reason"},
    {Rule::status_code, 502, "status_code", "RFC 9110 15", "100 to 599"},
    {Rule::upgrade_unasked, 502, "upgrade_unasked", "RFC 9110 7.8",
     "101 answers only a request that asked for that protocol"},
    // Chunked bodies.
    {Rule::chunk_size, 400, "chunk_size", "RFC 9112 7.1",
     "hexadecimal digits and nothing else: signs, prefixes and blanks are read differently everywhere"},
    {Rule::chunk_size_overflow, 400, "chunk_size_overflow", "RFC 9112 7.1", "the size must fit 63 bits"},
    {Rule::chunk_line_end, 400, "chunk_line_end", "RFC 9112 7.1, 11.1",
     "CRLF after the size and after the data, and nothing between"},
    {Rule::chunk_extension, 400, "chunk_extension", "RFC 9112 7.1.1",
     "; name [= token or quoted string], without control bytes"},
    {Rule::chunk_extension_too_long, 400, "chunk_extension_too_long", "RFC 9112 7.1.1",
     "nobody reads extensions: what is long is an attack"},
    {Rule::trailer_malformed, 400, "trailer_malformed", "RFC 9112 7.1.2",
     "trailers are field lines like any other"},
    {Rule::trailers_too_large, 400, "trailers_too_large", "RFC 9112 7.1.2", "every buffer has a bound"},
    // HTTP/2. A message that breaks one of these, but for the last, resets its stream: PROTOCOL_ERROR.
    {Rule::h2_pseudo_field, 400, "h2_pseudo_field", "RFC 9113 8.3",
     "each that the message must have, once, before the other fields; a path begins with a slash"},
    {Rule::h2_field_name, 400, "h2_field_name", "RFC 9113 8.2.1", "a token in lower case"},
    {Rule::h2_field_value, 400, "h2_field_value", "RFC 9113 8.2.1",
     "control bytes, and blanks at the ends, would mean something else in HTTP/1"},
    {Rule::h2_connection_field, 400, "h2_connection_field", "RFC 9113 8.2.2",
     "HTTP/2 has no fields of a connection: in HTTP/1 they would frame the message anew"},
    {Rule::h2_authority, 400, "h2_authority", "RFC 9113 8.3.1",
     ":authority names one host and Host another: servers disagree about which counts"},
    {Rule::h2_length, 400, "h2_length", "RFC 9113 8.1.1", "Content-Length announced another length than came"},
    {Rule::h2_message, 400, "h2_message", "RFC 9113 8.1.1",
     "one of those above, found by the library that decompresses the fields before they came to us"},
    {Rule::h2_protocol, 501, "h2_protocol", "RFC 8441 4, RFC 9220 3", "websocket is the only protocol we tunnel"},
}};

namespace {

constexpr bool in_order() {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (static_cast<std::size_t>(rules[i].rule) != i || rules[i].name.empty()) return false;
  }
  return true;
}
static_assert(in_order(), "the table follows the enumeration");

}  // namespace

Refusal refuse(Rule rule) {
  const auto& entry = rules[static_cast<std::size_t>(rule)];
  return {.status = entry.status, .rule = entry.name};
}

}  // namespace drawbridge::http
