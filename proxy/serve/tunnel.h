#pragma once

#include "proxy/base/failure.h"
#include "proxy/http/websocket.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"
#include "proxy/serve/call.h"
#include "proxy/serve/input.h"

#include <string_view>

namespace drawbridge::serve {

// An upgraded connection: bytes both ways until both sides have ended, with half-close and an idle time-out that
// counts silence of both. Told to go, a WebSocket gets close 1012 at a frame boundary on each side (RFC 6455
// section 7.4, code registered with IANA); any other protocol has no such word and goes on until it is cut.
class Tunnel final : private net::Deadline::Owner {
 public:
  Tunnel(Call& call, net::Stream& upstream);

  // Sends the 101 head to the client and relays. Ends when the tunnel has.
  net::Task<> run(std::string_view head);

  // Worker thread: say goodbye at `at`.
  void go(base::SteadyTime at) { go_at_.arm(at); }

 private:
  struct Direction {
    net::Stream& from;
    net::Stream& to;
    Input& input;
    base::Millis patience;  // of writing
    http::FrameScanner frames = {};
    std::uint64_t bytes = 0;
    bool said_goodbye = false;
  };

  net::Task<base::Result<void>> pump(Direction& way);
  net::Task<base::Result<void>> pass(Direction& way);
  net::Task<base::Result<void>> say_goodbye(Direction& way);
  bool must_end(const base::Failure& failure) const;
  void deadline_passed(net::Deadline& deadline) override;

  Call& call_;
  net::Stream& upstream_;
  bool websocket_;
  bool going_ = false;
  base::Millis idle_;
  base::SteadyTime active_;
  base::SteadyTime gone_by_ = base::SteadyTime::max();
  Direction to_client_;
  Direction to_upstream_;
  net::Deadline go_at_;
};

}  // namespace drawbridge::serve
