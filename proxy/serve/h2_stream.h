#pragma once

#include "proxy/http/h2_session.h"
#include "proxy/net/conversation.h"
#include "proxy/net/signal.h"
#include "proxy/serve/body_queue.h"
#include "proxy/serve/client_channel.h"
#include "proxy/serve/h2_outgoing.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::serve {

// What the streams of one connection share. Outlives them.
struct H2Link {
  http::H2Session& session;
  net::Loop& loop;
  net::BufferPool& buffers;
  net::Conversation& conversation;  // told when the session may have something to send
  // Answered before their requests had ended: to be reset once all that was said has been put out.
  std::vector<http::H2StreamId>& answered;
};

// A request on a stream of an HTTP/2 connection. The window of the client opens only as the body is taken, and a
// part is written when the client's window has taken it. Lives on the stream's own task, until the stream is
// closed.
class H2Stream final : public ClientChannel, public http::H2StreamUser {
 public:
  H2Stream(const Client& client, Workspace& space, const H2Link& link, http::H2StreamId id);

  // Waits for the head of the request.
  enum class Came : std::uint8_t { head, refused, nothing, late };
  net::Task<Came> head(base::SteadyTime deadline);
  const http::Refusal& refusal() const { return refusal_; }

  // After the exchange: ends what is left of the stream, and waits until it is closed.
  net::Task<> settle();

  // IncomingBody
  State take(std::span<const char>& piece) override;
  net::Task<base::Result<void>> more(base::SteadyTime deadline) override;
  bool ended() const override { return has_no_body() || (request_ended_ && queue_.empty()); }
  std::uint64_t bytes() const override { return queue_.bytes_taken(); }
  std::string_view trailers() const override { return trailers_; }
  base::Failure failure() const override { return failure_; }

  // OutgoingMessage
  net::Task<base::Result<void>> write(Part part, base::Millis patience) override;
  bool cancelled() const override { return closed_ || cancelled_; }

  // ClientChannel
  void limit_body(std::uint64_t bytes_max) override { body_bytes_max_ = bytes_max; }
  bool body_is_here() override { return has_no_body() || (request_ended_ && queue_.bytes_taken() == 0); }
  void rewind() override { queue_.rewind(); }
  void interrupt() override { reading_.interrupt(); }
  bool leave_body() override { return true; }
  net::Task<bool> drop_body(base::Millis) override { co_return true; }
  net::Task<base::Result<void>> interim(const http::ResponseHead& head, base::Millis patience) override;
  bool start(const http::ResponseHead& head, http::ResponseSpec& spec) override;
  net::Task<base::Result<void>> answer(const OwnAnswer& own, base::Millis patience) override;
  void fail_answer(Broken why) override;
  void on_hangup(net::Stream::Hangup* listener) override;
  void on_reset(net::Stream::Reset* listener) override;
  void cancel() override { end(http::H2Code::cancel); }

  // H2StreamUser
  http::H2HeadRoom on_head_room() override;
  void on_head(bool ended) override;
  void on_refused(const http::Refusal& refusal, bool ended) override;
  void on_data(std::span<const char> data) override;
  void on_end(std::string_view trailers) override;
  http::H2Pulled on_pull(std::span<char> into) override;
  std::size_t at_hand() const override { return outgoing_.bytes_left(); }
  void on_closed(const http::H2Close& close) override;

 private:
  bool has_no_body() const { return !tunnel_ && request().body.kind == http::Body::Kind::none; }
  void end(http::H2Code code);
  void give_up();
  base::Failure why_closed() const;
  void tell_client_gone();

  H2Link link_;
  http::H2StreamId id_;
  net::Signal reading_, writing_;

  // The request.
  Came came_ = Came::nothing;
  http::Refusal refusal_;
  BodyQueue queue_;
  std::uint64_t body_bytes_max_ = 0;
  std::string trailers_;
  base::Failure failure_;
  bool request_ended_ = false;
  bool tunnel_ = false;

  // The answer.
  std::string_view head_;  // made, not yet given to the session
  H2Outgoing outgoing_;
  bool answer_begun_ = false, answer_ended_ = false;
  base::SteadyTime progress_at_;

  bool cancelled_ = false;
  std::optional<http::H2Close> closed_;
  net::Stream::Hangup* hangup_ = nullptr;
  net::Stream::Reset* reset_ = nullptr;
};

}  // namespace drawbridge::serve
