#pragma once

#include "proxy/http/forward.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/net/stream.h"
#include "proxy/serve/incoming_body.h"
#include "proxy/serve/outgoing_message.h"
#include "proxy/serve/workspace.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::serve {

// An answer of our own. All views stay valid until it has gone out.
struct OwnAnswer {
  std::string_view http1;  // all of it as HTTP/1.1 has it
  std::uint16_t status = 0;
  std::string_view fields;  // lines with their CRLF; well-formed, for they are ours
  std::string_view body;
};

// Who is on the other side of a connection.
struct Client {
  http::IpAddress address;
  http::SocketAddress local = {};  // where it connected, if a balancer has said so; else the socket knows
  std::uint16_t port = 0;
  std::string address_text = {};  // without port; an address of IPv4 takes no memory but this
  const net::Stream* stream = nullptr;

  int socket() const { return stream->fd(); }
  // Spoken to us.
  std::string_view scheme() const { return stream->is_secure() ? "https" : "http"; }
  // That TLS was begun for (SNI); empty: none.
  std::string_view server_name() const { return stream->tls_server_name(); }
  // Of its verified certificate, which may have an empty one (RFC 4514); nothing: it showed none.
  std::optional<std::string_view> certificate_subject() const { return stream->tls_client_subject(); }
};

// Why an answer ends before its end.
enum class Broken : std::uint8_t {
  upstream,  // its server broke off
  client,    // does not take it
  deadline,  // that the client itself has set (gRPC) has passed
  cut,       // at an operator's deadline or at our end; what is on its way may be lost
};

// One request's way from its client and back. The exchange and all it does know this and no protocol: a request on
// an HTTP/1 connection is served through one, and so is a stream of HTTP/2. It is the body of the request (reading)
// and the answer (writing). Made when the head has been parsed into space().request; lives as long as the exchange;
// worker thread only.
class ClientChannel : public IncomingBody, public OutgoingMessage {
 public:
  ClientChannel(const Client& client, Workspace& space) : client_(client), space_(space) {}
  ClientChannel(const ClientChannel&) = delete;
  ClientChannel& operator=(const ClientChannel&) = delete;

  const Client& client() const { return client_; }
  Workspace& space() const { return space_; }
  const http::RequestHead& request() const { return space_.request; }

  // The request's body. Its bound is set before its first piece is taken (0: none).
  virtual void limit_body(std::uint64_t bytes_max) = 0;
  // All of it is here and nothing of it was taken: it can be sent again after rewind().
  virtual bool body_is_here() = 0;
  virtual void rewind() = 0;
  // Ends a waiting more() with timed_out.
  virtual void interrupt() = 0;
  // What is left of it will be read by nobody. False: the answer must say that the connection ends.
  virtual bool leave_body() = 0;
  // After the answer: takes what is left, if the connection is to be kept. False: it cannot be.
  virtual net::Task<bool> drop_body(base::Millis patience) = 0;

  // The answer. An interim one (1xx) goes out at once, to clients that know them.
  virtual net::Task<base::Result<void>> interim(const http::ResponseHead& head, base::Millis patience) = 0;
  // Makes the head of the answer, to leave with the first write(); `head` and `spec` may die after the call. Sets
  // spec.body, and spec.keep_alive to false where the end of the connection will be the end of the answer. False:
  // it cannot be told to this client. After 101 both ways are a tunnel's.
  virtual bool start(const http::ResponseHead& head, http::ResponseSpec& spec) = 0;
  virtual net::Task<base::Result<void>> answer(const OwnAnswer& own, base::Millis patience) = 0;
  // The answer that has begun will not be completed and must not look complete.
  virtual void fail_answer(Broken why) = 0;

  // The client. Hangup: it has gone, or will send nothing more; Reset: nothing can be told to it any more.
  virtual void on_hangup(net::Stream::Hangup* listener) = 0;
  virtual void on_reset(net::Stream::Reset* listener) = 0;
  // Ends whoever waits here, now and from now on.
  virtual void cancel() = 0;

 protected:
  ~ClientChannel() = default;

 private:
  const Client& client_;
  Workspace& space_;
};

}  // namespace drawbridge::serve
