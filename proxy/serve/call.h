#pragma once

#include "proxy/base/ids.h"
#include "proxy/core/plan.h"
#include "proxy/http/forwarded.h"
#include "proxy/http/grpc.h"
#include "proxy/obs/record.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

namespace drawbridge::serve {

// One request as the parts of serve/ see it: who asked, what was decided, and the record that is filled on the way.
// Owned by the exchange.
struct Call {
  Worker& worker;
  ClientChannel& channel;
  core::Plan plan;
  base::RequestId made_id;
  std::string_view request_id;  // kept from a trusted proxy, or made_id
  http::EffectiveClient client;
  http::IpText behind_proxy;     // text of the address that a trusted proxy has named
  std::string_view client_text;  // of the client's address
  base::SteadyTime since;
  obs::Record record;
  bool head_sent = false;     // the final response head is on its way to the client
  bool write_sent = false;    // counted as a write that left for a server
  bool answer_ended = false;  // all of its server's answer has come, whatever its client took of it
  bool keep = true;           // the connection may serve another request
  bool late = false;          // its client's own deadline has passed (gRPC)
  bool cut = false;           // ended by an operator's deadline or at shutdown
  std::string sent_to;        // servers that at least one byte of it has left for, in attempts that failed

  // Until when its client waits (gRPC); max: no end was set.
  base::SteadyTime client_deadline() const {
    const auto timeout = http::grpc_timeout(request());
    return timeout ? since + *timeout : base::SteadyTime::max();
  }

  // What its server is told of that, if its client's word has become untrue: the time that it has waited here, in a
  // hold or for a server, is gone. Empty: that word.
  std::string grpc_timeout_left(base::SteadyTime now) const {
    const auto until = client_deadline();
    if (until == base::SteadyTime::max() || now - since < base::Millis(1)) return {};
    return http::make_grpc_timeout(std::max(std::chrono::floor<base::Millis>(until - now), base::Millis(1)));
  }

  bool sent_upstream() const { return !sent_to.empty(); }

  Workspace& space() { return channel.space(); }
  const http::RequestHead& request() const { return channel.request(); }
};

}  // namespace drawbridge::serve
