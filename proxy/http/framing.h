#pragma once

#include "proxy/http/head.h"
#include "proxy/http/reader.h"
#include "proxy/http/rules.h"

#include <optional>
#include <string_view>

namespace drawbridge::http {

// The judge of heads: what the field lines mean together. The rules it applies, each with its section and its
// reason, are the table in rules.cpp (from host_missing on).

// Wants request line and header lines in `head`; sets everything else of it and marks lines that are not forwarded.
std::optional<Rule> judge_request(RequestHead& head);
// The same without Host: for heads of HTTP/2. `without_length` is the body of a request that announces none.
std::optional<Rule> judge_request_fields(RequestHead& head, const Body& without_length);

// Likewise for status line and header lines of a response.
std::optional<Rule> judge_response(const Asked& asked, ResponseHead& head);

}  // namespace drawbridge::http
