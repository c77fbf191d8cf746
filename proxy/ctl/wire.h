#pragma once

#include "proxy/base/time.h"
#include "proxy/ctl/options.h"

#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace drawbridge::ctl {

// A request as it goes over the admin socket.
struct WireRequest {
  std::string method;
  std::string target;
  std::string body;               // sent as JSON if not empty
  std::string accept;             // empty: none
  base::Millis patience{30'000};  // longest silence of the daemon
};

// The request of a command that has one (not help).
WireRequest make_request(const Options& options);

struct WireReply {
  unsigned status = 0;
  std::string content_type;
  std::string body;  // of a stream: the rest after the last full line
};

struct WireFailure {
  enum class Kind : std::uint8_t {
    unreachable,  // nobody listens there
    forbidden,    // the file's mode keeps us out
    broken,       // the connection ended, or stayed silent, before the answer was whole
  };
  Kind kind = Kind::unreachable;
  bool sent = false;  // at least a part of the request has left
  std::string message;
};

// What comes behind a line: `read` was read with it already, for more `descriptor` becomes readable, or when the
// daemon is gone.
struct Behind {
  int descriptor = -1;
  std::string_view read;
};

// Called for each line of a streamed 200 answer; false ends the exchange.
using OnLine = std::function<bool(std::string_view line, const Behind& behind)>;

// One request and its answer over the unix socket at `path`. Blocks.
std::expected<WireReply, WireFailure> exchange(const std::string& path, const WireRequest& request,
                                               const OnLine& on_line);

}  // namespace drawbridge::ctl
