#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/time.h"
#include "proxy/http/head.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"
#include "proxy/serve/body_source.h"
#include "proxy/serve/input.h"

#include <string_view>

namespace drawbridge::serve {

// One body on its way from one side to the other. All references outlive the relay.
struct Relay {
  net::Stream& from;
  Input& input;
  BodySource& source;
  base::Millis read_patience;  // silence while reading
  net::Stream& to;
  http::Body::Kind framing;     // how the body is framed on `to`: none, sized, chunked, until_close
  base::Millis write_patience;  // time without progress while writing
};

// Writes `head` together with what the input already holds of the body, then the rest as it comes: nothing waits in
// a buffer while the other side could have it, and nothing is read before what was read is written. Fails with the
// failure of the side that broke. At most limits::io_buffer_bytes are held.
net::Task<base::Result<void>> relay_body(Relay relay, std::string_view head);

}  // namespace drawbridge::serve
