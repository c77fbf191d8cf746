#pragma once

#include "proxy/http/forwarded.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/http/reader.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"
#include "proxy/serve/census.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/door.h"
#include "proxy/serve/workspace.h"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace drawbridge::serve {

class Exchange;
class H2Connection;
class Worker;

// One client connection. Speaking HTTP/1 it reads heads, has each served by an Exchange, in order, and closes so
// that the last answer arrives; HTTP/2 has a class of its own. Between two requests it rests: no task waits and no
// buffer is held, and this object is all there is of it, but for what HTTP/2 and TLS remember. It owns itself while
// it rests; else the task that serves it does. Worker thread only.
class Connection final
    : public net::Fine,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
      private net::Stream::Rest {
 public:
  static constexpr std::chrono::milliseconds first_moment{1'000};

  // `seat`: its place among the connections of the process. `came`: when its first moment began.
  Connection(Worker& worker, net::UniqueFd fd, const http::ProxyParties& parties, const Door& door,
             Census::Seat seat, base::SteadyTime came);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves what has come, later in this turn, and waits for the rest.
  static void begin(std::unique_ptr<Connection> self);
  // Waits for something to come.
  static void rest(std::unique_ptr<Connection> self);

  // Shutdown: a connection between two requests, or long without one, ends now; one with a request ends after it, a
  // tunnel is told to go. One that has just come has a moment for its first request: its client could not know.
  void begin_shutdown(base::SteadyTime tunnels_go_at);
  // It has had a request, or long enough for one to come.
  bool past_its_first_moment() const;
  // Ends a connection without a request; false if it has one, or has ended.
  bool close_if_idle();
  // Ends a connection whose client does not come to the end of a head.
  void end_unfinished_head();
  // Cuts the request in flight, which gets its last words; without one, and when called again, ends the connection.
  void end();

 private:
  enum class Speaks : std::uint8_t { unknown, nothing, http1, http2 };

  void stirred(base::Result<void> result) override;
  static net::Task<> serve(std::unique_ptr<Connection> self);
  net::Task<bool> run_h2();
  net::Task<Speaks> first_words();
  bool has_not_begun();
  bool request_follows();
  http::HeadLimits head_limits() const;
  net::Task<bool> read_head();
  net::Task<bool> read_head_later();
  net::Task<bool> parse_head(const http::HeadScanner::Scan& scan, const http::HeadLimits& limits);
  net::Task<bool> refuse_head(http::Refusal refusal);
  net::Task<> refuse(http::Refusal refusal);
  net::Task<> close();
  bool has_more();

  Worker& worker_;
  const Door& door_;
  Census::Seat seat_;
  net::Loop::Guest guest_;
  net::Stream stream_;
  Client client_;
  WorkspacePool::Loan space_;
  Exchange* exchange_ = nullptr;
  std::unique_ptr<H2Connection> h2_;
  base::SteadyTime came_;
  Speaks speaks_;
  bool served_ = false;   // at least one request
  bool hearing_ = false;  // waits for the rest of a head
  bool broken_ = false;   // a write has failed: no orderly close
  bool ending_ = false;   // the last words are being said
  bool linger_ = false;   // the client may still be sending what nobody read: take it, so that our answer arrives
};

}  // namespace drawbridge::serve
