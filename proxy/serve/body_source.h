#pragma once

#include "proxy/base/failure.h"
#include "proxy/http/chunked.h"
#include "proxy/http/head.h"
#include "proxy/serve/incoming_body.h"
#include "proxy/serve/input.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace drawbridge::serve {

// Takes one message's body out of an Input, by its framing (RFC 9112 section 6.3). No sockets: the caller reads.
class BodySource {
 public:
  using State = IncomingBody::State;

  // `fault` is whose bytes they are. `bytes_max` bounds the body (0: no bound).
  BodySource(const http::Body& body, base::Fault fault, std::uint64_t bytes_max);

  // The next piece, valid until the input is read into again; sets `data` with State::data only.
  State take(Input& input, std::span<const char>& data);

  // The stream has ended: complete for a body that ends with it, a truncation otherwise.
  State stream_ended();

  // Bytes of a sized body that are still to come; 0 for others.
  std::uint64_t left() const;
  // So many of them went past.
  void passed(std::uint64_t bytes);

  bool ended() const { return state_ == State::ended; }
  std::uint64_t bytes() const { return bytes_; }
  std::string_view trailers() const { return decoder_.trailers(); }
  base::Failure failure() const { return failure_; }

 private:
  State take_chunk(Input& input, std::span<const char>& data);
  State give(std::span<const char> piece, std::span<const char>& data);
  State fail(base::Reason reason);

  http::Body body_;
  base::Fault fault_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  State state_ = State::need_more;
  base::Failure failure_;
  http::ChunkDecoder decoder_;
};

}  // namespace drawbridge::serve
