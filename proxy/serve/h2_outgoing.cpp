#include "proxy/serve/h2_outgoing.h"

#include <algorithm>
#include <cstring>

namespace drawbridge::serve {

http::H2Pulled H2Outgoing::pull(std::span<char> into) {
  http::H2Pulled pulled;
  if (!waits_) return pulled;
  hurried_ = false;
  while (piece_ < part_.pieces.size() && pulled.bytes < into.size()) {
    const auto rest = part_.pieces[piece_].substr(piece_bytes_);
    const auto count = std::min(rest.size(), into.size() - pulled.bytes);
    std::memcpy(into.data() + pulled.bytes, rest.data(), count);
    pulled.bytes += count;
    piece_bytes_ += count;
    if (count < rest.size()) break;
    ++piece_;
    piece_bytes_ = 0;
  }
  if (piece_ < part_.pieces.size()) return pulled;
  pulled.ended = part_.end;
  if (part_.end) pulled.trailers = part_.trailers;
  waits_ = false;
  return pulled;
}

std::size_t H2Outgoing::bytes_left() const {
  if (!waits_) return 0;
  std::size_t bytes = 0;
  for (auto i = piece_; i < part_.pieces.size(); ++i) bytes += part_.pieces[i].size();
  return bytes - piece_bytes_;
}

}  // namespace drawbridge::serve
