#include "proxy/serve/h1_writer.h"

#include "proxy/base/check.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

namespace drawbridge::serve {
namespace {

constexpr std::size_t joined_bytes_max = 2'048;

// Copies what is small behind the head that begins `room`: one part is cheaper to send than a list of them. Empty:
// it is not small, or there is nothing.
std::string_view join(std::string_view head, std::span<const std::string_view> rest, std::span<char> room) {
  std::size_t bytes = 0;
  for (const auto part : rest) bytes += part.size();
  if (bytes == 0 || bytes > joined_bytes_max || head.size() + bytes > room.size()) return {};
  auto* end = room.data() + head.size();
  for (const auto part : rest) {
    std::memcpy(end, part.data(), part.size());
    end += part.size();
  }
  return {room.data(), end};
}

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
  // The first part is the head that begins `room`.
  void join_all(std::span<char> room) {
    const auto whole = join(parts_[0], all().subspan(1), room);
    if (whole.empty()) return;
    parts_[0] = whole;
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
  const bool chunked = framing_ == http::Body::Kind::chunked && !tunnel_;
  const bool has_head = !head_.empty();
  if (has_head && !chunked) {
    const auto whole = part.pieces.empty() ? head_ : join(head_, part.pieces, head_room_.span());
    if (!whole.empty()) {
      head_ = {};
      return send_whole(whole, patience, part.end);
    }
  }
  Parts parts;
  parts.add(std::exchange(head_, {}));
  if (chunked) {
    parts.add_chunk(part.pieces, chunk_head_);
    if (part.end) parts.add_last_chunk(part.trailers);
  } else {
    for (const auto piece : part.pieces) parts.add(piece);
  }
  if (parts.all().empty()) return wrote({}, part.end);
  if (has_head && chunked) parts.join_all(head_room_.span());
  return send(parts.all(), patience, part.end);
}

// Nearly always the kernel takes all of it.
net::Task<base::Result<void>> H1Writer::send_whole(std::string_view whole, base::Millis patience, bool end) {
  const auto sent = stream_.write_now(whole);
  if (!sent) return wrote(std::unexpected(sent.error()), end);
  if (*sent == whole.size()) return wrote({}, end);
  whole.remove_prefix(*sent);
  return send({&whole, 1}, patience, end);
}

net::Task<base::Result<void>> H1Writer::send(std::span<const std::string_view> parts, base::Millis patience,
                                             bool end) {
  auto writing = stream_.write(parts, patience);
  if (writing.await_ready()) return wrote(writing.await_resume(), end);
  return wait(writing, end);
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
