#pragma once

#include "proxy/net/stream.h"
#include "proxy/serve/body_source.h"
#include "proxy/serve/input.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drawbridge::serve {

// The body of an HTTP/1 message that comes from a stream through an Input. Made before the body is known, it has
// none. References outlive it.
class H1Body {
 public:
  H1Body(net::Stream& stream, Input& input) : stream_(stream), input_(input) {}

  // What is unread now is this body. `bytes_max` bounds it (0: no bound).
  void begin(const http::Body& body, base::Fault fault, std::uint64_t bytes_max) {
    source_.emplace(body, fault, bytes_max);
  }

  IncomingBody::State take(std::span<const char>& piece) { return source_->take(input_, piece); }
  net::Task<base::Result<void>> more(base::SteadyTime deadline);

  std::uint64_t bare_bytes() const {
    return source_ && input_.empty() && !stream_.is_secure() ? source_->left() : 0;
  }
  net::Task<base::Result<std::size_t>> take_into(const net::Pipe& pipe, std::size_t bytes_max,
                                                 base::SteadyTime deadline);

  bool begun() const { return source_.has_value(); }
  bool ended() const { return source_->ended(); }
  std::uint64_t bytes() const { return source_ ? source_->bytes() : 0; }
  std::string_view trailers() const { return source_->trailers(); }
  base::Failure failure() const { return source_->failure(); }

 private:
  net::Stream& stream_;
  Input& input_;
  std::optional<BodySource> source_;
  bool bulk_ = false;  // the last read filled its room: more is there
};

}  // namespace drawbridge::serve
