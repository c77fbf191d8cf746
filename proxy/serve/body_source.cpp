#include "proxy/serve/body_source.h"

#include <algorithm>

namespace drawbridge::serve {

using Kind = http::Body::Kind;

BodySource::BodySource(const http::Body& body, base::Fault fault, std::uint64_t bytes_max)
    : body_(body), fault_(fault), bytes_max_(bytes_max) {
  if (body.kind == Kind::none || (body.kind == Kind::sized && body.bytes == 0)) state_ = State::ended;
}

BodySource::State BodySource::take(Input& input, std::span<const char>& data) {
  if (state_ == State::ended || state_ == State::failed) return state_;
  if (input.empty()) return State::need_more;
  if (body_.kind == Kind::chunked) return take_chunk(input, data);
  auto piece = input.bytes();
  if (body_.kind == Kind::sized) {
    piece = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), body_.bytes - bytes_)));
  }
  input.consume(piece.size());
  const auto state = give(piece, data);
  if (body_.kind == Kind::sized && bytes_ == body_.bytes) state_ = State::ended;
  return state;
}

BodySource::State BodySource::take_chunk(Input& input, std::span<const char>& data) {
  const auto step = decoder_.step(input.bytes());
  input.consume(step.consumed);
  switch (step.state) {
    case http::ChunkDecoder::State::need_more:
      return State::need_more;
    case http::ChunkDecoder::State::data:
      return give(step.data, data);
    case http::ChunkDecoder::State::done:
      return state_ = State::ended;
    case http::ChunkDecoder::State::error:
      return fail(base::Reason::malformed);
  }
  return fail(base::Reason::malformed);
}

BodySource::State BodySource::give(std::span<const char> piece, std::span<const char>& data) {
  bytes_ += piece.size();
  if (bytes_max_ != 0 && bytes_ > bytes_max_) return fail(base::Reason::too_large);
  data = piece;
  return State::data;
}

BodySource::State BodySource::stream_ended() {
  if (state_ != State::need_more) return state_;
  if (body_.kind == Kind::until_close) return state_ = State::ended;
  return fail(base::Reason::closed);
}

std::uint64_t BodySource::left() const {
  const bool within = bytes_max_ == 0 || body_.bytes <= bytes_max_;
  return body_.kind == Kind::sized && state_ == State::need_more && within ? body_.bytes - bytes_ : 0;
}

void BodySource::passed(std::uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ == body_.bytes) state_ = State::ended;
}

BodySource::State BodySource::fail(base::Reason reason) {
  failure_ = {.fault = fault_, .reason = reason};
  return state_ = State::failed;
}

}  // namespace drawbridge::serve
