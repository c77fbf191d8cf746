#pragma once

#include "proxy/http/h2_session.h"
#include "proxy/http/websocket.h"
#include "proxy/net/signal.h"
#include "proxy/serve/body_queue.h"
#include "proxy/serve/h2_outgoing.h"
#include "proxy/serve/upstream_channel.h"
#include "proxy/serve/workspace.h"
#include "proxy/upstream/servers.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::serve {

// An exchange on a stream of an HTTP/2 connection to a server. The server's window opens only as the answer is
// taken. A WebSocket is an extended CONNECT (RFC 8441), to servers that say they take it. Dies before its lease,
// which has a seat on a carrier, is given back.
class H2Upstream final : public UpstreamChannel, private http::H2StreamUser {
 public:
  H2Upstream(Workspace& space, upstream::Lease& lease, std::size_t head_bytes_max);
  ~H2Upstream();

  // IncomingBody
  State take(std::span<const char>& piece) override;
  net::Task<base::Result<void>> more(base::SteadyTime deadline) override;
  bool ended() const override { return answer_ended_ && queue_.empty(); }
  std::uint64_t bytes() const override { return queue_.bytes_taken(); }
  std::string_view trailers() const override { return trailers_; }
  base::Failure failure() const override { return failure_; }

  // OutgoingMessage
  net::Task<base::Result<void>> write(Part part, base::Millis patience) override;
  bool cancelled() const override { return cancelled_ || closed_; }

  // UpstreamChannel
  base::Result<void> start(const http::RequestHead& head, const http::ForwardSpec& spec) override;
  net::Task<base::Result<void>> read_head(const http::HeadLimits& limits, base::SteadyTime deadline) override;
  void become_tunnel() override {}
  void interrupt() override { reading_.interrupt(); }
  void cancel(base::Failure failure) override;
  bool request_seen() const override {
    return stream_ && !(closed_ ? closed_->not_processed : carrier_.session().unsent(*stream_));
  }
  bool answer_seen() const override { return answer_seen_; }
  bool reusable() const override { return closed_ && answer_ended_ && request_ended_; }

 private:
  // A head behind the first: that one may still be looked at.
  struct Later {
    http::ResponseHead head;
    net::Buffer text;
  };

  // H2StreamUser
  http::H2HeadRoom on_head_room() override;
  void on_head(bool ended) override;
  void on_refused(const http::Refusal&, bool) override {}
  void on_data(std::span<const char> data) override;
  void on_end(std::string_view trailers) override;
  http::H2Pulled on_pull(std::span<char> into) override;
  std::size_t at_hand() const override { return outgoing_.bytes_left(); }
  void on_closed(const http::H2Close& close) override;

  bool open_stream(bool body_follows);
  net::Task<base::Result<void>> ask_for_tunnel(base::Millis patience);
  base::Result<void> show_head();
  base::Failure why_closed() const;
  http::H2Session& session() { return carrier_.session(); }

  Workspace& space_;
  upstream::Lease& lease_;
  upstream::H2Carrier& carrier_;
  std::size_t head_bytes_max_;  // of an answer
  std::optional<http::H2StreamId> stream_;
  base::SteadyTime opened_at_;
  net::Signal reading_, writing_;

  std::string_view head_;  // made, not yet given to the session
  http::Method method_ = http::Method::get;
  bool websocket_ = false;                       // wanted
  std::optional<http::WebSocketAccept> accept_;  // for a client of HTTP/1
  H2Outgoing outgoing_;
  bool request_ended_ = false;
  base::SteadyTime progress_at_;

  bool first_head_asked_ = false, first_head_here_ = false, first_head_shown_ = false;
  std::deque<std::unique_ptr<Later>> later_;  // the last may be incomplete
  std::size_t later_here_ = 0;
  std::unique_ptr<Later> shown_;
  bool answer_seen_ = false;
  BodyQueue queue_;
  std::string trailers_;
  bool answer_ended_ = false;

  std::optional<http::H2Close> closed_;
  bool cancelled_ = false;
  base::Failure failure_{.fault = base::Fault::upstream, .reason = base::Reason::cancelled};
};

}  // namespace drawbridge::serve
