#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drawbridge::pages {

// `text` for HTML content and quoted attribute values: & < > " ' as references, control characters as spaces.
void append_html(std::string_view text, std::string& out);
std::size_t html_bytes(std::string_view text);  // how many append_html appends
std::string html(std::string_view text);

// Whether `id` consists of characters that mean nothing in HTML, JSON, a field value or a log line.
bool is_plain_id(std::string_view id);

// `target` if a link to it certainly stays on this host: begins with one slash and holds only visible ASCII but the
// backslash, which browsers read as a slash. Otherwise "/".
std::string_view local_address(std::string_view target);

// RFC 3986 percent-encoding of all but unreserved characters and spaces: grpc-message.
std::string percent_encode(std::string_view text);

}  // namespace drawbridge::pages
