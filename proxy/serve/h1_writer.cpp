#include "proxy/serve/h1_writer.h"

#include "proxy/base/check.h"
#include "proxy/http/chunked.h"

#include <array>
#include <optional>
#include <span>
#include <utility>

namespace drawbridge::serve {
namespace {

// What one gathered write takes: head, chunk frame, pieces, end of the body.
class Parts {
 public:
  void add(std::string_view part) {
    if (!part.empty()) parts_[count_++] = part;
  }
  void add_chunk(std::span<const std::string_view> pieces) {
    std::size_t bytes = 0;
    for (const auto piece : pieces) bytes += piece.size();
    if (bytes == 0) return;
    add(chunk_head_.emplace(bytes).view());
    for (const auto piece : pieces) add(piece);
    add(http::chunk_end);
  }
  void add_last_chunk(std::string_view trailers) {
    add(http::last_chunk);
    add(trailers);
    add(http::chunk_end);
  }
  std::span<const std::string_view> all() const { return {parts_.data(), count_}; }

 private:
  std::array<std::string_view, net::Stream::parts_max> parts_;
  std::size_t count_ = 0;
  std::optional<http::ChunkHead> chunk_head_;
};

}  // namespace

net::Task<base::Result<void>> H1Writer::write(OutgoingMessage::Part part, base::Millis patience) {
  DRAWBRIDGE_CHECK(part.pieces.size() <= OutgoingMessage::pieces_max);
  Parts parts;
  parts.add(std::exchange(head_, {}));
  const bool chunked = framing_ == http::Body::Kind::chunked && !tunnel_;
  if (chunked) {
    parts.add_chunk(part.pieces);
    if (part.end) parts.add_last_chunk(part.trailers);
  } else {
    for (const auto piece : part.pieces) parts.add(piece);
  }
  if (!parts.all().empty()) {
    const auto written = co_await stream_.write(parts.all(), patience);
    head_room_.reset();
    if (!written) co_return written;
  }
  if (part.end && tunnel_) stream_.shutdown_send();
  co_return base::Result<void>{};
}

}  // namespace drawbridge::serve
