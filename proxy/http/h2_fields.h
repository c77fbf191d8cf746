#pragma once

#include "proxy/http/h2_session.h"

#include <boost/container/small_vector.hpp>

#include <string_view>

namespace drawbridge::http {

struct H2Field {
  std::string_view name;
  std::string_view value;
  bool lasts = true;  // worth a place in the other side's table: another message may have the same value
};

// The usual head fits; a longer one allocates.
using H2Fields = boost::container::small_vector<H2Field, 48>;

// Turns heads that the HTTP/1 writers wrote into the fields of a header block, pseudo-fields first. What speaks of
// an HTTP/1 connection is left out (RFC 9113 section 8.2.2). Views of the text; names as they are there. The text
// is ours: that it is none of a head is a programmer's error.
void read_response_fields(std::string_view head, H2Fields& out);
void read_request_fields(const H2Session::Ask& ask, H2Fields& out);
// Field lines, each ended by CRLF.
void read_field_lines(std::string_view lines, H2Fields& out);

}  // namespace drawbridge::http
