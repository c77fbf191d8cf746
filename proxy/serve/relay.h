#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/time.h"
#include "proxy/net/loop.h"
#include "proxy/net/pipe.h"
#include "proxy/net/task.h"
#include "proxy/serve/incoming_body.h"
#include "proxy/serve/outgoing_message.h"

#include <cstdint>

namespace drawbridge::serve {

// One body on its way from one side to the other. All references outlive the relay.
struct Relay {
  net::Loop& loop;
  IncomingBody& from;
  base::Millis read_patience;       // silence while reading
  std::uint64_t read_rate_min = 0;  // BodyPace: bytes a second of waiting beyond it; 0: none
  OutgoingMessage& to;
  base::Millis write_patience;       // time without progress while writing
  std::uint64_t write_rate_min = 0;  // BodyPace, of who takes the body
  // Once true, the other way has begun and bounds this one: its sender may be silent as long as that lasts. Null:
  // there is none.
  const bool* answered = nullptr;
  net::Pipes* pipes = nullptr;  // for what both sides take as it is; null: all is copied
};

// Writes the head of `to` together with what is here of the body, then the rest as it comes: nothing waits in a
// buffer while the other side could have it, and nothing is read before what was read is written. Fails with the
// failure of the side that broke.
net::Task<base::Result<void>> relay_body(Relay relay);

}  // namespace drawbridge::serve
