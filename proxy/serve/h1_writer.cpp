#include "proxy/serve/h1_writer.h"

#include "proxy/base/check.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace drawbridge::serve {
namespace {

constexpr std::size_t joined_bytes_max = 2'048;

// What one gathered write takes: head, chunk frame, pieces, end of the body.
class Parts {
 public:
  void add(std::string_view part) {
    if (!part.empty()) parts_[count_++] = part;
  }
  void add_chunk(std::span<const std::string_view> pieces, std::optional<http::ChunkHead>& head) {
    std::size_t bytes = 0;
    for (const auto piece : pieces) bytes += piece.size();
    if (bytes == 0) return;
    add(head.emplace(bytes).view());
    for (const auto piece : pieces) add(piece);
    add(http::chunk_end);
  }
  void add_last_chunk(std::string_view trailers) {
    add(http::last_chunk);
    add(trailers);
    add(http::chunk_end);
  }
  // Copies what is small behind the head that begins `room`: one part is cheaper to send than a list of them.
  void join(std::span<char> room) {
    std::size_t bytes = 0;
    for (std::size_t i = 1; i < count_; ++i) bytes += parts_[i].size();
    if (bytes == 0 || bytes > joined_bytes_max || parts_[0].size() + bytes > room.size()) return;
    auto* end = room.data() + parts_[0].size();
    for (std::size_t i = 1; i < count_; ++i) end = std::ranges::copy(parts_[i], end).out;
    parts_[0] = {room.data(), end};
    count_ = 1;
  }
  std::span<const std::string_view> all() const { return {parts_.data(), count_}; }

 private:
  std::array<std::string_view, net::Stream::parts_max> parts_;
  std::size_t count_ = 0;
};

}  // namespace

net::Task<base::Result<void>> H1Writer::write(OutgoingMessage::Part part, base::Millis patience) {
  DRAWBRIDGE_CHECK(part.pieces.size() <= OutgoingMessage::pieces_max);
  Parts parts;
  const bool has_head = !head_.empty();
  parts.add(std::exchange(head_, {}));
  const bool chunked = framing_ == http::Body::Kind::chunked && !tunnel_;
  if (chunked) {
    parts.add_chunk(part.pieces, chunk_head_);
    if (part.end) parts.add_last_chunk(part.trailers);
  } else {
    for (const auto piece : part.pieces) parts.add(piece);
  }
  if (parts.all().empty()) return wrote({}, part.end);
  if (has_head) parts.join(head_room_.span());
  auto writing = stream_.write(parts.all(), patience);
  if (writing.await_ready()) return wrote(writing.await_resume(), part.end);
  return wait(writing, part.end);
}

net::Task<base::Result<void>> H1Writer::write_from(const net::Pipe& pipe, std::size_t bytes,
                                                   base::Millis patience) {
  auto writing = stream_.write_from(pipe, bytes, patience);
  if (writing.await_ready()) return wrote(writing.await_resume(), false);
  return wait(writing, false);
}

net::Task<base::Result<void>> H1Writer::wait(net::Stream::Write writing, bool end) {
  const auto written = co_await writing;
  co_return wrote(written, end);
}

base::Result<void> H1Writer::wrote(base::Result<void> written, bool end) {
  head_room_.reset();
  broken_ = broken_ || !written;
  if (written && end && tunnel_) stream_.shutdown_send();
  return written;
}

}  // namespace drawbridge::serve
