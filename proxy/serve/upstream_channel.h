#pragma once

#include "proxy/http/forward.h"
#include "proxy/http/reader.h"
#include "proxy/serve/incoming_body.h"
#include "proxy/serve/outgoing_message.h"

namespace drawbridge::serve {

// One attempt to have a request answered by a server: it is the request (writing) and the body of the answer
// (reading). Forward knows this and no protocol. Made on a leased connection, for one exchange; worker thread only.
class UpstreamChannel : public IncomingBody, public OutgoingMessage {
 public:
  UpstreamChannel() = default;
  UpstreamChannel(const UpstreamChannel&) = delete;
  UpstreamChannel& operator=(const UpstreamChannel&) = delete;

  // Makes the head of the request, to leave with the first write(); both may die after the call. Fails, by the
  // client's fault, if it is larger than we can send, or cannot be said in this protocol.
  virtual base::Result<void> start(const http::RequestHead& head, const http::ForwardSpec& spec) = 0;

  // Reads the next head of the answer into the workspace's `response`: interim ones, then the final one, after
  // which the body can be taken. Fails with timed_out at `deadline`, and may then be called again.
  virtual net::Task<base::Result<void>> read_head(const http::HeadLimits& limits, base::SteadyTime deadline) = 0;

  // After a head with `switching`: both ways are a tunnel's.
  virtual void become_tunnel() = 0;

  // Ends a waiting read with timed_out.
  virtual void interrupt() = 0;
  // Ends whoever waits here, now and from now on, with this failure; nothing more comes of this exchange.
  virtual void cancel(base::Failure failure) = 0;

  // At least one byte of the request may have reached the server. If not, none will once this is cancelled.
  virtual bool request_seen() const = 0;
  virtual bool answer_seen() const = 0;  // at least one byte of an answer has come
  // The answer has ended and, if the request has too, the connection can carry another exchange.
  virtual bool reusable() const = 0;
  // Behind the answer came what no request had asked for.
  virtual bool strayed() const { return false; }

 protected:
  ~UpstreamChannel() = default;
};

}  // namespace drawbridge::serve
