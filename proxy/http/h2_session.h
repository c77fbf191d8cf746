#pragma once

#include "proxy/base/heap.h"
#include "proxy/base/time.h"
#include "proxy/http/h2_bounds.h"
#include "proxy/http/h2_code.h"
#include "proxy/http/h2_spare.h"
#include "proxy/http/head.h"
#include "proxy/http/rules.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace drawbridge::http {

using H2StreamId = std::uint32_t;

// Where a session puts a head it has judged. Lent by the stream's user from on_head_room() until the stream is
// closed or the next head of the stream is asked room for. Of the two heads the one of the role is used: a server
// needs `request`, a client `response`. The views of the head point into `text` and to constants.
struct H2HeadRoom {
  std::span<char> text;  // as large as the longest head that is to be taken; what does not fit is refused with 431
  RequestHead* request = nullptr;
  ResponseHead* response = nullptr;
};

// How a stream came to its end.
struct H2Close {
  H2Code code = H2Code::no_error;
  bool by_other_side = false;  // its RST_STREAM, or its GOAWAY that left the stream out
  bool not_processed = false;  // certain (RFC 9113 section 8.7): may be sent again whatever its method is
  std::string_view rule = {};  // the acceptance rule that the other side's message broke; empty: none. For logs
};

// What a stream's user has for the wire. `ended` without trailers ends the message with the last of these bytes.
struct H2Pulled {
  std::size_t bytes = 0;  // written to the front of the span
  bool ended = false;     // nothing comes after
  std::string_view trailers =
      {};  // with `ended`: field lines, each ended by CRLF, as ChunkDecoder::trailers() has them
};

// One stream as its user sees it. All calls come from within H2Session::receive() or H2Session::produce(); from
// them everything of the session may be called but receive(), produce(), connection_lost() and the destructor. Note
// what happened and go on later rather than to run a request from here. None comes after on_closed().
class H2StreamUser {
 public:
  // A head of the other side begins (a server: the request; a client: the response, after each interim one again).
  virtual H2HeadRoom on_head_room() = 0;

  // The head in the room is complete and judged. `ended`: no body and no trailers follow; on_end() is not called.
  // A client gets interim responses (1xx) too, each followed by another head.
  virtual void on_head(bool ended) = 0;

  // Server: the request is well-formed HTTP/2, but one that we do not take: answer with refusal.status. Of the head
  // in the room method_text and target are what could be read, everything else is unspecified. A body may follow.
  // (Malformed messages are never shown: the session resets their streams, see H2Close::rule.)
  virtual void on_refused(const Refusal& refusal, bool ended) = 0;

  // The next bytes of the body; the view dies with the call. They count against the windows until consume() says
  // that they are dealt with: never more than the stream's window is outstanding.
  virtual void on_data(std::span<const char> data) = 0;

  // The message has ended, whole: its length is what Content-Length announced, if it did. `trailers`: lines that
  // may be passed on, each ended by CRLF, as of ChunkDecoder::trailers(); the view dies with the call.
  virtual void on_end(std::string_view trailers) = 0;

  // Copies what is to be sent next into `into` (1 … 16,384 bytes of room: what window, frame and output take now).
  // Called after body_follows was said, whenever there is room, until `ended`. {0, false}: nothing at hand; not
  // asked again before resume(). A window that is much smaller than it has been is no room for more than it takes
  // before hurry().
  virtual H2Pulled on_pull(std::span<char> into) = 0;
  // How much on_pull() could copy.
  virtual std::size_t at_hand() const { return 0; }

  // The stream is over: both messages have ended, or one side reset it, or the connection ended. Forget the id.
  virtual void on_closed(const H2Close& close) = 0;

 protected:
  ~H2StreamUser() = default;
};

// One connection as its user sees it. Same rules as for H2StreamUser.
class H2Listener {
 public:
  // Server: a request begins. The user of the new stream, which outlives it; nullptr: refused with REFUSED_STREAM,
  // so that the client may send it again elsewhere. Bound the requests that are still worked on here, not the
  // streams that are open: a client that resets its streams at once must not have more of them (CVE-2023-44487).
  virtual H2StreamUser* on_open(H2StreamId stream) = 0;

  // The other side says goodbye: it takes no stream above `last_stream`. Client: those above it have been closed.
  virtual void on_goaway(H2StreamId last_stream, H2Code code) = 0;

  // The other side has said what it takes.
  virtual void on_settings() {}

  // The answer to ping(token).
  virtual void on_pong(std::uint64_t token) = 0;

  // A bound was passed: the session says GOAWAY, ENHANCE_YOUR_CALM. For counters and the log.
  virtual void on_abuse(const H2Bound& bound) = 0;

 protected:
  ~H2Listener() = default;
};

struct H2Options {
  enum class Role : std::uint8_t { server, client };
  Role role = Role::server;
  std::uint32_t concurrent_streams_max = 128;         // server: what one client may have open
  std::uint32_t stream_window_bytes = 64 * 1024 - 1;  // most of one stream that waits for consume()
  std::uint32_t connection_window_bytes = 1024 * 1024;
  // A stream whose body goes on, a whole window of it taken by its user, gets a window of twice the size, up to the
  // first; all streams of a connection together get the second more than at first, and the connection as much.
  std::uint32_t stream_window_bytes_max = 1024 * 1024;
  std::uint32_t widened_bytes_max = 1024 * 1024;
  // Of what waits for consume(), what is more than a quarter of the connection's window moves here, as far as there
  // is room. null: there is none.
  H2Spare* spare = nullptr;
  HeadLimits heads;
  bool extended_connect = false;          // server: RFC 8441, WebSocket over a stream
  std::uint32_t first_streams_max = 100;  // client: until the server has said what it takes
  const base::Heap* heap = nullptr;       // what a session keeps is there; outlives it. null: malloc's
};

struct H2Engine;

// One HTTP/2 connection (RFC 9113, 7541, 8441) without its socket: bytes in, events out; submissions in, bytes out.
// The only place that knows nghttp2. Priorities are ignored (RFC 9113 section 5.3): streams take turns. Not
// movable; one thread; no clock but the `now` it is handed.
//
//   session.receive(bytes_read, now);               // events
//   while ((n = session.produce(buffer)) > 0) …     // write buffer.first(n)
//   if (session.finished()) close;
//
// Heads are written as the HTTP/1 writers write them (write_client_response, write_upstream_request and our own
// answers), and travel as fields: names in lower case, without what HTTP/2 does not have (Connection, Keep-Alive,
// Transfer-Encoding, Upgrade …).
//
// Requests arrive as RequestHead with http2 = true, minor_version = 1, target as in :path, authority from
// :authority (or Host), cookies joined, body sized if Content-Length is there, chunked if a body of unknown length
// follows. An extended CONNECT arrives as GET with `upgrade` = :protocol and extended_connect = true: a tunnel like
// that of HTTP/1.1, accepted with status 200 and body_follows.
class H2Session {
 public:
  H2Session(const H2Options& options, H2Listener& listener);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // Takes all of `bytes`, which need not outlive the call. False: the connection is broken beyond HTTP/2; write
  // what produce() still has, then close. Do not call it while output waits to be written (output that a client
  // does not read must not be made to grow: CVE-2019-9511 to 9518).
  bool receive(std::span<const char> bytes, base::SteadyTime now);

  // Fills `out` (at least produce_bytes_min) with what is to be sent; 0 if there is nothing now.
  std::size_t produce(std::span<char> out);
  static constexpr std::size_t produce_bytes_min = 2 * 1024;
  // False if produce() would certainly give nothing.
  bool wants_output() const;

  // Nothing may come for a while: gives memory back, if there is no stream and nothing to be sent.
  void rest();
  // Nothing will be read or written any more: close.
  bool finished() const;
  // The socket is gone: on_closed() for each open stream, from within this call. Call nothing but the destructor
  // after.
  void connection_lost();

  // Server. `head`: an HTTP/1 response head as text, empty line included. Without body_follows the message ends
  // here; with it on_pull() is asked. Not for a stream that is closed. respond_interim: a 1xx head other than 101.
  void respond(H2StreamId stream, std::string_view head, bool body_follows);
  void respond_interim(H2StreamId stream, std::string_view head);

  // Client. `head`: an HTTP/1 request head as text; `te: trailers` is added. `asked` is what the response is judged
  // by. An extended CONNECT if `protocol` is given (see other_side_takes_connect()). nullopt: no stream can be
  // opened (can_open() is false). The user outlives the stream.
  struct Ask {
    std::string_view head;
    std::string_view scheme = "http";
    std::string_view protocol = {};
    bool body_follows = false;
    Method method = Method::get;
  };
  std::optional<H2StreamId> request(const Ask& ask, H2StreamUser& user);
  // Another stream may be opened now: the server's MAX_CONCURRENT_STREAMS, GOAWAY and the stream numbers allow it.
  bool can_open() const;
  std::size_t streams_open() const;
  std::uint32_t streams_max() const;      // that the server takes at the same time
  bool settings_received() const;         // the first of the other side's: until then, all of this is a guess
  bool other_side_takes_connect() const;  // SETTINGS_ENABLE_CONNECT_PROTOCOL was received

  // on_pull() may have something again. Not for a stream that is closed.
  void resume(H2StreamId stream);
  // The next DATA of the stream goes however small its window is. To be said when none has gone for `hurry_after`:
  // the other side may wait for the last of a window before it gives more.
  void hurry(H2StreamId stream);
  static constexpr std::chrono::milliseconds hurry_after{250};
  // That many bytes of on_data() are dealt with: the windows open by as much. What a closed stream had outstanding
  // has been given back with it; for it this does nothing.
  void consume(H2StreamId stream, std::size_t bytes);
  // Ends the message that body_follows was said of, now and with these trailers (lines as of H2Pulled), whatever of
  // its body has not left: on_pull() is not asked any more. They need no window. Nothing for a stream that is
  // closed.
  void end_early(H2StreamId stream, std::string_view trailers);
  // Ends the stream now: nothing more of it but on_closed() follows. Nothing for a stream that is closed.
  void reset(H2StreamId stream, H2Code code);
  // Client: the request of a stream that is not closed has not begun to leave. If it is reset now, it never will.
  bool unsent(H2StreamId stream) const;

  // Like reset(), but the stream's user hears nothing any more, not even the end: it may die.
  void abandon(H2StreamId stream, H2Code code);

  // GOAWAY in two steps (RFC 9113 section 6.8): announces the end and asks for a PING; with its answer (or with
  // end_shutdown(), when that does not come in time) new streams are refused. Open ones go on; finished() then says
  // when all is done. A client opens none after.
  void begin_shutdown();
  void end_shutdown();
  // GOAWAY with this code, now; open streams are lost.
  void terminate(H2Code code);

  void ping(std::uint64_t token);  // on_pong() answers

 private:
  std::unique_ptr<H2Engine> engine_;
};

}  // namespace drawbridge::http
