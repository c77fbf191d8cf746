#include "proxy/serve/unread_body.h"

namespace drawbridge::serve {

// After a forward that failed, part of the body may have been used: then its end cannot be known any more.
UnreadBody::UnreadBody(Call& call)
    : call_(call), source_(call.request().body, base::Fault::client, discard_bytes_max), soon_(!call.body_used) {
  if (!soon_) return;
  const auto& body = call.request().body;
  const auto state = take_all();
  const bool announced_small =
      body.kind == http::Body::Kind::sized && body.bytes <= discard_bytes_max && !call.request().expects_continue;
  soon_ = state == BodySource::State::ended || (state == BodySource::State::need_more && announced_small);
}

BodySource::State UnreadBody::take_all() {
  auto state = BodySource::State::data;
  std::span<const char> piece;
  while (state == BodySource::State::data) state = source_.take(call_.space().client, piece);
  return state;
}

net::Task<> UnreadBody::discard() {
  if (!soon_) call_.connection.expect_unread_input();
  if (!soon_ || !call_.keep) co_return;
  auto& stream = call_.connection.stream();
  const auto deadline = call_.worker.loop().now() + call_.worker.snapshot().bounds.body_timeout;
  while (!source_.ended()) {
    auto& input = call_.space().client;
    const auto got = co_await stream.read_some(input.room(), deadline);
    if (!got || *got == 0) {
      call_.keep = false;
      co_return;
    }
    input.commit(*got);
    if (take_all() == BodySource::State::failed) call_.keep = false;
    if (!call_.keep) co_return;
  }
}

}  // namespace drawbridge::serve
