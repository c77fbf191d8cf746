#include "proxy/serve/h1_client.h"

#include <algorithm>
#include <array>

namespace drawbridge::serve {

using base::Result;
using Kind = http::Body::Kind;

H1Client::H1Client(const Client& client, Workspace& space, net::Stream& stream)
    : ClientChannel(client, space),
      stream_(stream),
      body_(stream, space.client),
      writer_(stream, space.response_out),
      body_at_(space.client.mark()) {
  body_.begin(space.request.body, base::Fault::client, 0);
}

void H1Client::limit_body(std::uint64_t bytes_max) {
  body_bytes_max_ = bytes_max;
  body_.begin(request().body, base::Fault::client, bytes_max);
}

IncomingBody::State H1Client::take(std::span<const char>& piece) {
  taken_ = true;
  return body_.take(piece);
}

bool H1Client::body_is_here() {
  const auto& body = request().body;
  if (taken_) return false;
  return body.kind == Kind::none || (body.kind == Kind::sized && body.bytes <= space().client.view().size());
}

void H1Client::rewind() {
  space().client.rewind(body_at_);
  limit_body(body_bytes_max_);
  taken_ = false;
}

IncomingBody::State H1Client::take_all() {
  auto state = State::data;
  std::span<const char> piece;
  while (state == State::data) state = body_.take(piece);
  return state;
}

// Part of a body that was used may have been lost with its user: its end cannot be waited for.
bool H1Client::leave_body() {
  if (body_.ended()) return true;
  if (taken_) return false;
  const auto& body = request().body;
  body_.begin(body, base::Fault::client, discard_bytes_max);
  const auto state = take_all();
  const bool announced_small =
      body.kind == Kind::sized && body.bytes <= discard_bytes_max && !request().expects_continue;
  return state == State::ended || (state == State::need_more && announced_small);
}

net::Task<bool> H1Client::drop_body(base::Millis patience) {
  if (body_.ended()) return true;
  return drop_rest(patience);
}

net::Task<bool> H1Client::drop_rest(base::Millis patience) {
  const auto deadline = stream_.loop().now() + patience;
  while (!body_.ended()) {
    const auto got = co_await body_.more(deadline);
    if (!got || take_all() == State::failed) co_return false;
  }
  co_return true;
}

net::Task<Result<void>> H1Client::write(Part part, base::Millis patience) {
  if (part.end && last_) stream_.end_follows();
  return writer_.write(part, patience);
}

// Clients of HTTP/1.0 do not know them (RFC 9110 section 15.2).
net::Task<Result<void>> H1Client::interim(const http::ResponseHead& head, base::Millis patience) {
  if (request().minor_version == 0) co_return Result<void>{};
  std::array<char, 4096> room;
  http::HeadWriter text(room);
  http::write_client_response(text, head, {.client_minor_version = 1, .body = {}});
  if (text.overflow()) co_return Result<void>{};
  const std::array<std::string_view, 1> parts{text.view()};
  const auto written = co_await stream_.write(parts, patience);
  broken_ = broken_ || !written;
  co_return written;
}

bool H1Client::start(const http::ResponseHead& head, http::ResponseSpec& spec) {
  const auto framing = http::frame_response(head, request().minor_version);
  spec.client_minor_version = request().minor_version;
  spec.body = framing.body;
  spec.keep_alive = spec.keep_alive && !framing.must_close && !head.switching;
  http::HeadWriter text(space().response_out.span());
  http::write_client_response(text, head, spec);
  if (text.overflow()) return false;
  until_close_ = framing.must_close;
  last_ = !spec.keep_alive && !head.switching;
  writer_.begin(text.view(), framing.body.kind);
  if (head.switching) {
    writer_.become_tunnel();
    body_.begin({.kind = Kind::until_close}, base::Fault::client, 0);
  }
  return true;
}

net::Task<Result<void>> H1Client::answer(const OwnAnswer& own, base::Millis patience) {
  writer_.begin(own.http1, Kind::none);
  return writer_.write({}, patience);
}

// A counted or chunked body shows by itself that its end is missing, and TLS that nobody said it (no close_notify);
// otherwise the end of the connection would be read as the end of the body.
void H1Client::fail_answer(Broken why) {
  if (why == Broken::cut || until_close_) stream_.abort();
  broken_ = broken_ || stream_.is_secure();
}

}  // namespace drawbridge::serve
