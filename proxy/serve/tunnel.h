#pragma once

#include "proxy/base/failure.h"
#include "proxy/http/websocket.h"
#include "proxy/net/task.h"
#include "proxy/net/wheel.h"
#include "proxy/serve/call.h"
#include "proxy/serve/incoming_body.h"
#include "proxy/serve/outgoing_message.h"
#include "proxy/serve/upstream_channel.h"

#include <string_view>

namespace drawbridge::serve {

// An upgraded connection: bytes both ways until both sides have ended, with half-close and an idle time-out that
// counts silence of both. Told to go, a WebSocket gets close 1012 at a frame boundary on each side (RFC 6455
// section 7.4, code registered with IANA); any other protocol has no such word and goes on until it is cut.
class Tunnel final : private net::Deadline::Owner {
 public:
  Tunnel(Call& call, UpstreamChannel& upstream);

  // Sends the head that was started to the client and relays. Ends when the tunnel has.
  net::Task<> run();

  // Worker thread: say goodbye at `at`. Nothing once it is cut.
  void go(base::SteadyTime at) {
    if (!cut_) go_at_.arm(at);
  }
  // Ends soon whatever it does. True: what has not heard a goodbye hears it first, as far as it takes it at once.
  bool cut();
  static constexpr std::chrono::milliseconds last_words_time{200};

 private:
  struct Direction {
    IncomingBody& from;
    OutgoingMessage& to;
    base::Millis patience;  // of writing
    http::FrameScanner frames = {};
    std::uint64_t bytes = 0;
    bool said_goodbye = false;
  };

  net::Task<base::Result<void>> pump(Direction& way);
  net::Task<base::Result<IncomingBody::State>> pass(Direction& way);
  net::Task<base::Result<void>> send(Direction& way, std::string_view bytes);
  net::Task<base::Result<void>> say_goodbye(Direction& way);
  bool must_end(const base::Failure& failure) const;
  void deadline_passed(net::Deadline& deadline) override;

  Call& call_;
  UpstreamChannel& upstream_;
  bool websocket_;
  bool going_ = false;
  bool cut_ = false;
  base::Millis idle_;
  base::SteadyTime active_;
  base::SteadyTime gone_by_ = base::SteadyTime::max();
  Direction to_client_;
  Direction to_upstream_;
  net::Deadline go_at_;
};

}  // namespace drawbridge::serve
