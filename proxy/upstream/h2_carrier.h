#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/snapshot.h"
#include "proxy/http/h2_session.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/net/conversation.h"
#include "proxy/net/loop.h"
#include "proxy/net/signal.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace drawbridge::upstream {

// One HTTP/2 connection to a server, which carries the exchanges of many requests. Owned by its own task, from
// launch() until it has ended and its last rider has left. Worker thread only.
class H2Carrier final : private http::H2Listener, private net::Conversation::Speaker, private net::Deadline::Owner {
 public:
  class Owner {
   public:
    virtual void carrier_gone(H2Carrier& carrier) = 0;     // its socket is closed, and nobody rides: the last call
    virtual void carrier_changed(H2Carrier& carrier) = 0;  // it may have room, or never have any again
    virtual bool carrier_awaited(const H2Carrier& carrier) const = 0;  // requests wait for room: it is not unused

   protected:
    ~Owner() = default;
  };

  struct Setup {
    std::unique_ptr<net::Stream> stream;  // connected
    core::ServerId server = 0;
    std::size_t slot = 0;  // of the server's addresses
    std::uint32_t generation = 0;
    core::UpstreamTiming timing;
    std::size_t head_bytes_max = 64 * 1024;  // of an answer
    std::string_view scheme = "http";
    std::uint32_t streams_max = 100;  // as far as is known; 0: nobody boards before the server's SETTINGS
  };
  static H2Carrier& launch(net::Loop& loop, net::BufferPool& buffers, Owner& owner, Setup setup);

  H2Carrier(const H2Carrier&) = delete;
  H2Carrier& operator=(const H2Carrier&) = delete;
  ~H2Carrier();

  // One more exchange may begin.
  bool has_room() const {
    return !over_ && !retired_ && !doubted_ && session_.can_open() &&
           session_.streams_open() + expected_ < session_.streams_max();
  }
  // The server says that it takes nobody now, or said so before and has not spoken yet.
  bool closed_to_all() const { return !over_ && !retired_ && session_.streams_max() == 0; }
  // Who has been let in may use session() until leaving, and open() one stream, of which it says in leave() whether
  // it did. A place is kept for it until then. A rider's stream is closed or abandoned before it leaves.
  void enter() {
    if (riders_++ == 0) awaited_at_ = loop_.now();
    ++expected_;
  }
  std::optional<http::H2StreamId> open(const http::H2Session::Ask& ask, http::H2StreamUser& user) {
    --expected_;
    return session_.request(ask, user);
  }
  void leave(bool opened);
  // A rider has waited in vain since `since`. If the server has not been heard at all in that time, nobody boards
  // until it is.
  void doubt(base::SteadyTime since) { doubted_ = doubted_ || heard_at_ <= since; }
  std::size_t riders() const { return riders_; }

  // A rider's signal, told when the server's SETTINGS have come, and at the end; until unwatch().
  void watch(net::Signal& signal) { watching_.push_back(&signal); }
  void unwatch(net::Signal& signal) { std::erase(watching_, &signal); }

  http::H2Session& session() { return session_; }
  std::uint32_t streams_max() const { return session_.streams_max(); }
  bool settled() const { return session_.settings_received(); }  // streams_max() is the server's word
  // The session may have something to send.
  void changed() { conversation_.changed(); }
  std::string_view scheme() const { return scheme_; }

  core::ServerId server() const { return server_; }
  std::size_t slot() const { return slot_; }
  const void* tls_maker() const { return stream_->tls_maker(); }
  std::uint32_t generation() const { return generation_; }
  bool carried() const { return carried_; }  // an exchange, before the one at hand
  bool over() const { return over_; }
  bool retired() const { return retired_; }
  base::Failure failure() const { return failure_; }  // why it is over

  // Lets nobody in any more, and ends when the last has left.
  void retire();

  net::Loop& loop() const { return loop_; }
  net::BufferPool& buffers() const { return buffers_; }

 private:
  H2Carrier(net::Loop& loop, net::BufferPool& buffers, Owner& owner, Setup setup);

  static net::Task<> live(std::unique_ptr<H2Carrier> self);
  net::Task<> run();
  void end(base::Failure why);
  void tell_owner();
  void say_goodbye();

  http::H2StreamUser* on_open(http::H2StreamId) override { return nullptr; }
  void on_goaway(http::H2StreamId last_stream, http::H2Code code) override;
  void on_settings() override;
  void on_pong(std::uint64_t) override { only_pong_ = true; }
  void on_abuse(const http::H2Bound&) override {}
  bool hear(std::span<const char> bytes) override;
  std::size_t speak(std::span<char> into) override { return session_.produce(into); }
  bool wants_to_speak() const override { return session_.wants_output(); }
  bool finished() const override { return session_.finished(); }
  base::Millis write_patience() const override { return timing_.body; }
  void spoken() override { tell_owner(); }
  void deadline_passed(net::Deadline& deadline) override;

  net::Loop& loop_;
  net::BufferPool& buffers_;
  Owner& owner_;
  std::unique_ptr<net::Stream> stream_;
  core::ServerId server_;
  std::size_t slot_;
  std::uint32_t generation_;
  core::UpstreamTiming timing_;
  std::string_view scheme_;
  http::H2Session session_;
  net::Conversation conversation_;
  net::Signal left_;
  std::vector<net::Signal*> watching_;
  net::Deadline watch_;
  std::size_t riders_ = 0;
  std::size_t expected_ = 0;  // of them, whose streams are still to be opened
  bool malformed_ = false;    // what the server said
  bool retired_ = false;
  bool over_ = false;
  bool carried_ = false;
  bool doubted_ = false;
  bool only_pong_ = false;  // was in what was read last
  bool spoke_ = true;       // something else has been read since the last PING
  base::Failure failure_{.fault = base::Fault::upstream, .reason = base::Reason::closed};
  base::SteadyTime used_at_, heard_at_, retired_at_;
  base::SteadyTime awaited_at_;               // since then there has always been a rider
  std::optional<base::SteadyTime> asked_at_;  // the last PING
};

}  // namespace drawbridge::upstream
