#pragma once

#include "proxy/base/ids.h"
#include "proxy/core/plan.h"
#include "proxy/http/forwarded.h"
#include "proxy/http/grpc.h"
#include "proxy/obs/record.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/worker.h"

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
  bool head_sent = false;      // the final response head is on its way to the client
  bool write_sent = false;     // counted as a write that left for a server
  bool sent_upstream = false;  // at least one byte of the request has left for an upstream
  bool keep = true;            // the connection may serve another request
  bool late = false;           // its client's own deadline has passed (gRPC)
  bool cut = false;            // ended by an operator's deadline or at shutdown

  // Until when its client waits (gRPC); max: no end was set.
  base::SteadyTime client_deadline() const {
    const auto timeout = http::grpc_timeout(request());
    return timeout ? since + *timeout : base::SteadyTime::max();
  }

  Workspace& space() { return channel.space(); }
  const http::RequestHead& request() const { return channel.request(); }
};

}  // namespace drawbridge::serve
