#pragma once

#include "proxy/http/h2_session.h"
#include "proxy/net/conversation.h"
#include "proxy/net/fine_heap.h"
#include "proxy/net/signal.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/h2_stream.h"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace drawbridge::serve {

class Exchange;
class Worker;

// What a client that speaks HTTP/2 begins with (RFC 9113 section 3.4).
inline constexpr std::string_view h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// A client connection that speaks HTTP/2: each stream is served by an Exchange on a task of its own. A stream that
// waits, in a hold or for its server, keeps no other from going on. Without streams it rests, after a moment: no
// task waits, and what memory can be spared is given back. Its Connection's; worker thread only.
class H2Connection final : public net::Fine,
                           private http::H2Listener,
                           private net::Conversation::Speaker,
                           private net::Deadline::Owner {
 public:
  static constexpr std::chrono::milliseconds rest_after{1'000};

  H2Connection(Worker& worker, net::Stream& stream, const Client& client);
  ~H2Connection();
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  // Serves until the connection has ended and all of its streams with it: false. Or until it rests: to be run again
  // when something comes, when idle_until() has, or when it asks for that by interrupting who waits to read.
  // `first` was read already.
  net::Task<bool> run(std::string_view first);
  base::SteadyTime idle_until() const { return idle_until_; }

  // As of Connection.
  void begin_shutdown(base::SteadyTime tunnels_go_at);
  bool close_if_idle();
  bool was_asked() const { return asked_; }  // a stream was opened
  void end();

 private:
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Served : Hook {
    explicit Served(Exchange& its) : exchange(its) {}
    Exchange& exchange;
  };

  http::H2StreamUser* on_open(http::H2StreamId stream) override;
  void on_goaway(http::H2StreamId, http::H2Code) override {}
  void on_pong(std::uint64_t) override {}
  void on_abuse(const http::H2Bound& bound) override;
  bool hear(std::span<const char> bytes) override;
  std::size_t speak(std::span<char> into) override;
  bool wants_to_speak() const override { return session_.wants_output() || !answered_.empty(); }
  bool finished() const override { return session_.finished(); }
  base::Millis write_patience() const override;
  void deadline_passed(net::Deadline& deadline) override;

  void wake();
  net::Task<> serve_stream(http::H2StreamId id);
  net::Task<> serve_request(H2Stream& stream, H2Stream::Came came);
  void stream_ended();

  Worker& worker_;
  net::Stream& stream_;
  const Client& client_;
  http::H2Session session_;
  net::Conversation conversation_;
  net::Signal streams_ended_;
  std::vector<http::H2StreamId> answered_;
  H2Link link_;
  std::size_t streams_max_;
  std::size_t streams_ = 0;  // on their tasks: more than the session has open when a client resets many
  H2Stream* opened_ = nullptr;
  boost::intrusive::list<Served, boost::intrusive::constant_time_size<false>> served_;
  bool asked_ = false;
  bool told_to_go_ = false;
  bool ending_ = false;          // the last words are being said
  base::SteadyTime idle_until_;  // without streams
  net::Deadline idle_, goodbye_;
};

}  // namespace drawbridge::serve
