#pragma once

#include "proxy/base/time.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace drawbridge::config {

// What is wrong with one value, in words that follow "the value of KEY: ", and what was probably meant.
struct Flaw {
  std::string message;
  std::string suggestion;  // the whole value as it should stand in the quotes; empty if unknown
};

template <class T>
using Checked = std::expected<T, Flaw>;

// "64KiB", "10MB", "512B": powers of 1024 with an i, of 1000 without. A bare number only for "0".
Checked<std::uint64_t> parse_size(std::string_view text);

// The shortest exact form that parse_size reads back: "32KiB", "1500B", "0".
std::string format_size(std::uint64_t bytes);

enum class AddressUse : std::uint8_t {
  listen,   // a numeric IP address; port 0 is any free port
  connect,  // an IP address or a name; port from 1
};

// "10.0.0.1:80", "[2001:db8::1]:80", "app.internal:80"; gives the text back in lower case.
Checked<std::string> parse_address(std::string_view text, AddressUse use);

// "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix must be zero.
Checked<std::string> parse_network(std::string_view text);

// A host name, an address or "*." and a name; no port. Gives it back in lower case without a trailing dot.
Checked<std::string> parse_host_pattern(std::string_view text);

// The value of a Host field: a name or address, with an optional port.
Checked<std::string> parse_host(std::string_view text);

// A path prefix in normal form; a slash at the end is dropped but for "/" itself.
Checked<std::string> parse_path_prefix(std::string_view text);

// A path for a request of our own: starts with '/', no space, no fragment; a query is allowed.
Checked<std::string> parse_request_path(std::string_view text);

// "METHOD glob", see core/rule.h.
Checked<std::string> parse_rule(std::string_view text);

// An absolute path of the file system without "..".
Checked<std::string> parse_file_path(std::string_view text);

// [a-z0-9_-]+, at most 64 bytes: names of sites, pools and pages.
Checked<std::string> parse_name(std::string_view text);

// A field name that a site may set or remove: a token, and none of the fields that Drawbridge itself must write
// (framing, hop-by-hop, Host).
Checked<std::string> parse_field_name(std::string_view text);

// A field value (RFC 9110 section 5.5): visible characters, spaces and tabs inside, bytes from 0x80.
Checked<std::string> parse_field_value(std::string_view text);

}  // namespace drawbridge::config
