#pragma once

#include "proxy/http/head.h"
#include "proxy/http/rules.h"

#include <optional>
#include <string_view>

namespace drawbridge::http {

struct Authority {
  std::string_view host;  // brackets of an IPv6 literal kept
  std::string_view port;  // at most five digits, at most 65535; empty if absent
};

// host [":" port] of RFC 3986 section 3.2, without userinfo. Narrower than its grammar on purpose: a registered
// name holds letters, digits, "-", ".", "_" and "~" only (no percent-escapes, no commas), a literal is an IPv6
// address.
std::optional<Authority> parse_authority(std::string_view text);

// The same host and port, the scheme's default port being the same as none.
bool same_authority(const Authority& a, const Authority& b, std::string_view scheme);

// The two halves of a request line, for heads that have none. Method: wants method_text, sets method. Origin form
// ("/path?query", and "*" of OPTIONS): wants method and target, sets path and query.
std::optional<Rule> judge_method(RequestLine& out);
std::optional<Rule> parse_origin_form(RequestLine& out);

// Judges and takes apart the request line (without its line end). Everything of `out` is overwritten; `authority`
// and what follows from it are set for absolute-form only.
std::optional<Rule> parse_request_line(std::string_view line, RequestLine& out);

}  // namespace drawbridge::http
