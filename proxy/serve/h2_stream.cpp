#include "proxy/serve/h2_stream.h"

#include "proxy/http/grpc.h"

#include <cstring>
#include <utility>

namespace drawbridge::serve {

using base::Failure;
using base::Fault;
using base::Reason;
using base::Result;
using http::H2Code;

namespace {

constexpr std::size_t status_at = sizeof "HTTP/1.1";

// RFC 9113 section 7: what its server spoiled is our error to the client; what somebody has ended is not wanted any
// more. (REFUSED_STREAM would say that nothing was done, and an answer had begun.)
H2Code code_of(Broken why) {
  return why == Broken::upstream ? H2Code::internal_error : H2Code::cancel;
}

std::string_view grpc_trailers_of(Broken why) {
  switch (why) {
    case Broken::upstream:
      return "grpc-status: 14\r\ngrpc-message: The server behind this one broke off its answer.\r\n";
    case Broken::client:
      return "grpc-status: 14\r\ngrpc-message: The answer was not taken in time.\r\n";
    case Broken::deadline:
      return "grpc-status: 4\r\ngrpc-message: The deadline of this call has passed.\r\n";
    case Broken::cut:
      return "grpc-status: 14\r\ngrpc-message: The call was cut for maintenance.\r\n";
  }
  return {};
}

}  // namespace

H2Stream::H2Stream(const Client& client, Workspace& space, const H2Link& link, http::H2StreamId id)
    : ClientChannel(client, space),
      link_(link),
      id_(id),
      reading_(link.loop),
      writing_(link.loop),
      queue_(link.buffers) {}

net::Task<H2Stream::Came> H2Stream::head(base::SteadyTime deadline) {
  while (came_ == Came::nothing && !cancelled()) {
    const bool told = co_await reading_.wait(deadline);
    if (!told && came_ == Came::nothing) co_return cancelled() ? Came::nothing : Came::late;
  }
  co_return came_;
}

http::H2HeadRoom H2Stream::on_head_room() {
  space().client.restart_empty();
  return {.text = space().client.room(), .request = &space().request};
}

void H2Stream::on_head(bool ended) {
  came_ = Came::head;
  request_ended_ = ended;
  reading_.tell();
}

void H2Stream::on_refused(const http::Refusal& refusal, bool ended) {
  came_ = Came::refused;
  refusal_ = refusal;
  request_ended_ = ended;
  reading_.tell();
}

void H2Stream::on_data(std::span<const char> data) {
  queue_.append(data);
  reading_.tell();
}

void H2Stream::on_end(std::string_view trailers) {
  trailers_ = trailers;
  request_ended_ = true;
  reading_.tell();
}

void H2Stream::on_closed(const http::H2Close& close) {
  closed_ = close;
  reading_.tell();
  writing_.tell();
  if (!request_ended_ || !answer_ended_) tell_client_gone();
}

Failure H2Stream::why_closed() const {
  if (cancelled_) return {.fault = Fault::client, .reason = Reason::cancelled};
  const bool broken = closed_ && !closed_->by_other_side && !closed_->rule.empty();
  return {.fault = Fault::client, .reason = broken ? Reason::malformed : Reason::reset};
}

void H2Stream::tell_client_gone() {
  if (hangup_ != nullptr) std::exchange(hangup_, nullptr)->hung_up();
  if (reset_ != nullptr) std::exchange(reset_, nullptr)->was_reset(why_closed());
}

void H2Stream::on_hangup(net::Stream::Hangup* listener) {
  hangup_ = listener;
  if (cancelled()) tell_client_gone();
}

void H2Stream::on_reset(net::Stream::Reset* listener) {
  reset_ = listener;
  if (cancelled()) tell_client_gone();
}

IncomingBody::State H2Stream::take(std::span<const char>& piece) {
  if (has_no_body()) return State::ended;
  piece = queue_.take();
  if (body_bytes_max_ != 0 && !tunnel_ && queue_.bytes_taken() > body_bytes_max_) {
    failure_ = {.fault = Fault::client, .reason = Reason::too_large};
    return State::failed;
  }
  if (!piece.empty()) return State::data;
  if (request_ended_) return State::ended;
  if (!cancelled()) return State::need_more;
  failure_ = why_closed();
  return State::failed;
}

net::Task<Result<void>> H2Stream::more(base::SteadyTime deadline) {
  const auto taken = queue_.release();
  if (taken > 0 && !closed_) {
    link_.session.consume(id_, taken);
    link_.conversation.changed();
  }
  if (!queue_.empty() || request_ended_) co_return Result<void>{};
  if (cancelled()) co_return std::unexpected(why_closed());
  const bool told = co_await reading_.wait(deadline);
  if (!told) co_return std::unexpected(Failure{.fault = Fault::client, .reason = Reason::timed_out});
  co_return Result<void>{};
}

net::Task<Result<void>> H2Stream::write(Part part, base::Millis patience) {
  if (cancelled()) co_return std::unexpected(why_closed());
  const bool has_body = !part.pieces.empty() || !part.trailers.empty();
  if (!answer_begun_) {
    answer_begun_ = true;
    answer_ended_ = part.end && !has_body;
    link_.session.respond(id_, std::exchange(head_, {}), !answer_ended_);
    link_.conversation.changed();
    if (!has_body) co_return Result<void>{};
  }
  if (!has_body && !part.end) co_return Result<void>{};
  outgoing_.begin(part);
  progress_at_ = link_.loop.now();
  link_.session.resume(id_);
  link_.conversation.changed();
  while (outgoing_.waits() && !cancelled()) {
    const bool told = co_await writing_.wait(progress_at_ + outgoing_.patience(patience));
    if (told || !outgoing_.waits() || link_.loop.now() < progress_at_ + outgoing_.patience(patience)) continue;
    if (outgoing_.hurry()) {
      link_.session.hurry(id_);
      link_.conversation.changed();
      continue;
    }
    outgoing_.give_up();
    co_return std::unexpected(Failure{.fault = Fault::client, .reason = Reason::timed_out});
  }
  if (!outgoing_.waits()) co_return Result<void>{};
  outgoing_.give_up();
  co_return std::unexpected(why_closed());
}

http::H2Pulled H2Stream::on_pull(std::span<char> into) {
  if (!outgoing_.waits()) return {};
  if (outgoing_.hurried()) writing_.tell();
  const auto pulled = outgoing_.pull(into);
  progress_at_ = link_.loop.now();
  if (outgoing_.waits()) return pulled;
  answer_ended_ = pulled.ended;
  writing_.tell();
  return pulled;
}

net::Task<Result<void>> H2Stream::interim(const http::ResponseHead& head, base::Millis) {
  if (cancelled()) co_return std::unexpected(why_closed());
  std::array<char, 4096> room;
  http::HeadWriter text(room);
  http::write_client_response(text, head, {.client_minor_version = 1, .body = {}});
  if (text.overflow()) co_return Result<void>{};
  link_.session.respond_interim(id_, text.view());
  link_.conversation.changed();
  co_return Result<void>{};
}

// A tunnel that was accepted is 200 here and 101 there (RFC 8441 section 5). A server that ignores the wish and
// answers with success would seem to have accepted it.
bool H2Stream::start(const http::ResponseHead& head, http::ResponseSpec& spec) {
  const bool wants_tunnel = request().extended_connect;
  if (wants_tunnel && !head.switching && head.status < 300) return false;
  spec.body = head.body;
  http::HeadWriter text(space().response_out.span());
  http::write_client_response(text, head, spec);
  if (text.overflow()) return false;
  tunnel_ = head.switching;
  if (tunnel_) std::memcpy(space().response_out.data() + status_at, "200", 3);
  head_ = text.view();
  return true;
}

net::Task<Result<void>> H2Stream::answer(const OwnAnswer& own, base::Millis patience) {
  http::HeadWriter text(space().response_out.span());
  text.text("HTTP/1.1 ");
  text.decimal(own.status);
  text.text(" \r\n");
  text.text(own.fields);
  text.end_line();
  head_ = text.view();
  const std::array<std::string_view, 1> pieces{own.body};
  const auto written =
      co_await write({.pieces = std::span(pieces).first(own.body.empty() ? 0 : 1), .end = true}, patience);
  co_return written;
}

// A client of gRPC is told in trailers, which wait for no window: RST_STREAM would mean to it that it has cancelled
// the call itself, or a fault of the protocol (gRPC over HTTP/2, "Errors").
void H2Stream::fail_answer(Broken why) {
  if (cancelled() || answer_ended_) return;
  const bool grpc = http::is_grpc(request().headers.value(http::Field::content_type));
  if (!grpc || !answer_begun_ || tunnel_) return end(code_of(why));
  answer_ended_ = true;
  link_.session.end_early(id_, grpc_trailers_of(why));
  give_up();
}

void H2Stream::end(H2Code code) {
  if (cancelled()) return;
  link_.session.reset(id_, code);
  give_up();
}

void H2Stream::give_up() {
  cancelled_ = true;
  link_.conversation.changed();
  reading_.tell();
  writing_.tell();
  tell_client_gone();
}

// An answer that is whole needs the rest of its request no more, and says so with NO_ERROR (RFC 9113 section 8.1).
net::Task<> H2Stream::settle() {
  if (!answer_ended_) end(H2Code::internal_error);
  if (answer_ended_ && !request_ended_ && !closed_) {
    link_.answered.push_back(id_);
    link_.conversation.changed();
  }
  while (!closed_) co_await reading_.wait();
}

}  // namespace drawbridge::serve
