#include "proxy/serve/h2_upstream.h"

#include "proxy/base/ascii.h"
#include "proxy/base/limits.h"

#include <algorithm>
#include <utility>

namespace drawbridge::serve {

using base::Failure;
using base::Fault;
using base::Reason;
using base::Result;
using http::H2Code;

namespace {

constexpr Failure refused{.fault = Fault::upstream, .reason = Reason::refused, .retry_safe = true};

}  // namespace

H2Upstream::H2Upstream(Workspace& space, upstream::Lease& lease, std::size_t head_bytes_max)
    : space_(space),
      lease_(lease),
      carrier_(*lease.carrier()),
      head_bytes_max_(head_bytes_max),
      reading_(carrier_.loop()),
      writing_(carrier_.loop()),
      queue_(carrier_.buffers()) {
  space_.upstream.restart_empty();
}

H2Upstream::~H2Upstream() {
  if (!stream_ || closed_) return;
  session().abandon(*stream_, H2Code::cancel);
  carrier_.changed();
}

Result<void> H2Upstream::start(const http::RequestHead& head, const http::ForwardSpec& spec) {
  constexpr Failure malformed{.fault = Fault::client, .reason = Reason::malformed};
  constexpr Failure too_large{.fault = Fault::client, .reason = Reason::too_large};
  websocket_ = spec.tunnel && base::iequals(head.upgrade, "websocket");
  if (websocket_ && !head.extended_connect) {
    const auto key = head.headers.value(http::Field::sec_websocket_key);
    if (!http::is_websocket_key(key)) return std::unexpected(malformed);
    accept_ = http::make_websocket_accept(key);
  }
  http::HeadWriter text(space_.request_out.span());
  http::write_upstream_request(text, head, spec);
  head_ = text.view();
  method_ = head.method;
  if (text.overflow()) return std::unexpected(too_large);
  return {};
}

bool H2Upstream::open_stream(bool body_follows) {
  stream_ = lease_.open_stream({.head = head_,
                                .scheme = carrier_.scheme(),
                                .protocol = websocket_ ? "websocket" : "",
                                .body_follows = body_follows,
                                .method = method_},
                               *this);
  opened_at_ = carrier_.loop().now();
  carrier_.changed();
  space_.request_out.reset();
  return stream_.has_value();
}

// Whether a server takes WebSockets stands in its SETTINGS, the first that it says. Whoever reads is told that
// nothing will come, and not by a time-out, which may be waited for again.
net::Task<Result<void>> H2Upstream::ask_for_tunnel(base::Millis patience) {
  const auto deadline = carrier_.loop().now() + patience;
  bool in_time = true;
  carrier_.watch(writing_);
  while (in_time && !session().settings_received() && !carrier_.over() && !cancelled_) {
    in_time = co_await writing_.wait(deadline);
  }
  carrier_.unwatch(writing_);
  if (cancelled_) co_return std::unexpected(failure_);
  const bool takes_none = !carrier_.over() && !session().other_side_takes_connect();
  if (in_time && !takes_none && open_stream(true)) co_return Result<void>{};
  cancel(refused);
  if (!in_time) co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::timed_out});
  if (takes_none) co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::unsupported});
  co_return std::unexpected(refused);
}

net::Task<Result<void>> H2Upstream::write(Part part, base::Millis patience) {
  if (cancelled()) co_return std::unexpected(why_closed());
  if (!stream_ && websocket_) {
    const auto asked = co_await ask_for_tunnel(patience);
    co_return asked;
  }
  const bool has_body = !part.pieces.empty() || !part.trailers.empty();
  if (!stream_) {
    request_ended_ = part.end && !has_body;
    if (!open_stream(!request_ended_)) {
      cancel(refused);
      co_return std::unexpected(refused);
    }
    if (request_ended_) co_return Result<void>{};
  }
  if (!has_body && !part.end) co_return Result<void>{};
  outgoing_.begin(part);
  progress_at_ = carrier_.loop().now();
  session().resume(*stream_);
  carrier_.changed();
  while (outgoing_.waits() && !cancelled()) {
    const bool told = co_await writing_.wait(progress_at_ + outgoing_.patience(patience));
    if (told || !outgoing_.waits() || carrier_.loop().now() < progress_at_ + outgoing_.patience(patience)) continue;
    if (outgoing_.hurry()) {
      session().hurry(*stream_);
      carrier_.changed();
      continue;
    }
    outgoing_.give_up();
    co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::timed_out});
  }
  outgoing_.give_up();
  if (cancelled() && !request_ended_) co_return std::unexpected(why_closed());
  co_return Result<void>{};
}

http::H2Pulled H2Upstream::on_pull(std::span<char> into) {
  const bool waited = outgoing_.waits();
  if (outgoing_.hurried()) writing_.tell();
  const auto pulled = outgoing_.pull(into);
  if (pulled.bytes > 0) progress_at_ = carrier_.loop().now();
  if (pulled.ended) request_ended_ = true;
  if (waited && !outgoing_.waits()) writing_.tell();
  return pulled;
}

http::H2HeadRoom H2Upstream::on_head_room() {
  if (!std::exchange(first_head_asked_, true)) {
    const auto room = space_.upstream.room();
    return {.text = room.first(std::min(room.size(), head_bytes_max_)), .response = &space_.response};
  }
  auto& later = *later_.emplace_back(std::make_unique<Later>());
  later.text = carrier_.buffers().take();
  return {.text = later.text.span().first(std::min(net::Buffer::size(), head_bytes_max_)), .response = &later.head};
}

void H2Upstream::on_head(bool ended) {
  answer_seen_ = true;
  answer_ended_ = ended;
  if (!first_head_here_) {
    first_head_here_ = true;
  } else if (++later_here_ > base::limits::interim_responses_max) {
    session().reset(*stream_, H2Code::enhance_your_calm);
    carrier_.changed();
  }
  reading_.tell();
}

net::Task<Result<void>> H2Upstream::read_head(const http::HeadLimits&, base::SteadyTime deadline) {
  for (;;) {
    if (first_head_here_ && !first_head_shown_) {
      first_head_shown_ = true;
      co_return show_head();
    }
    if (later_here_ > 0) {
      --later_here_;
      shown_ = std::move(later_.front());
      later_.pop_front();
      space_.response = shown_->head;
      co_return show_head();
    }
    if (cancelled()) co_return std::unexpected(why_closed());
    const bool told = co_await reading_.wait(deadline);
    if (told || cancelled()) continue;
    if (stream_ && carrier_.loop().now() >= deadline) carrier_.doubt(opened_at_);
    co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::timed_out});
  }
}

// A WebSocket that was accepted (RFC 8441 section 5) is to the rest of the house the 101 of HTTP/1.1, and its
// client of HTTP/1.1 is owed the answer to its key.
Result<void> H2Upstream::show_head() {
  auto& response = space_.response;
  if (!websocket_ || response.status < 200 || response.status > 299) return {};
  response.status = 101;
  response.reason = "Switching Protocols";
  response.upgrade = "websocket";
  response.switching = true;
  if (!accept_) return {};
  const http::Header accept{
      .field = http::Field::sec_websocket_accept, .name = "Sec-WebSocket-Accept", .value = accept_->view()};
  const bool theirs = response.headers.has(accept.field);
  if (theirs || response.headers.full()) {
    return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::malformed});
  }
  response.headers.add(accept);
  return {};
}

void H2Upstream::on_data(std::span<const char> data) {
  queue_.append(data);
  reading_.tell();
}

void H2Upstream::on_end(std::string_view trailers) {
  trailers_ = trailers;
  answer_ended_ = true;
  reading_.tell();
}

// A server that has said something about the request (103, say) has seen it, whatever it claims afterwards.
void H2Upstream::on_closed(const http::H2Close& close) {
  closed_ = close;
  if (answer_seen_) closed_->not_processed = false;
  reading_.tell();
  writing_.tell();
}

// A server may end a stream whose answer is whole before it has read all of the request (RFC 9113 section 8.1):
// that is no failure of the answer.
IncomingBody::State H2Upstream::take(std::span<const char>& piece) {
  piece = queue_.take();
  if (!piece.empty()) return State::data;
  if (answer_ended_) return State::ended;
  if (!cancelled()) return State::need_more;
  failure_ = why_closed();
  return State::failed;
}

net::Task<Result<void>> H2Upstream::more(base::SteadyTime deadline) {
  const auto taken = queue_.release();
  if (taken > 0 && stream_ && !closed_) {
    session().consume(*stream_, taken);
    carrier_.changed();
  }
  if (!queue_.empty() || answer_ended_) co_return Result<void>{};
  if (cancelled()) co_return std::unexpected(why_closed());
  const bool told = co_await reading_.wait(deadline);
  if (!told && !cancelled())
    co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::timed_out});
  co_return Result<void>{};
}

void H2Upstream::cancel(Failure failure) {
  if (cancelled()) return;
  cancelled_ = true;
  failure_ = failure;
  if (stream_) {
    session().reset(*stream_, H2Code::cancel);
    carrier_.changed();
  }
  reading_.tell();
  writing_.tell();
}

Failure H2Upstream::why_closed() const {
  if (cancelled_) return failure_;
  // A server that says goodbye and leaves out what came too late is none that fails.
  const auto not_taken = carrier_.retired() ? Reason::closed : Reason::refused;
  if (closed_->not_processed) return {.fault = Fault::upstream, .reason = not_taken, .retry_safe = true};
  if (!closed_->rule.empty()) return {.fault = Fault::upstream, .reason = Reason::malformed};
  // Whatever ended the connection, to its exchanges it is a reset: a time-out would be taken for one that may be
  // waited for again.
  return {.fault = Fault::upstream, .reason = Reason::reset};
}

}  // namespace drawbridge::serve
