#pragma once

#include "proxy/http/chunked.h"
#include "proxy/http/head.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"
#include "proxy/serve/outgoing_message.h"
#include "proxy/serve/workspace.h"

#include <optional>
#include <span>
#include <string_view>

namespace drawbridge::serve {

// An HTTP/1 message on its way out: head, body framed as announced, each write one gathered system call. The stream
// outlives it.
class H1Writer {
 public:
  H1Writer(net::Stream& stream, LazyBuffer& head_room) : stream_(stream), head_room_(head_room) {}

  // `head` is in the room given, which is given back when it was written; empty: none was made.
  void begin(std::string_view head, http::Body::Kind framing) {
    head_ = head;
    framing_ = framing;
  }
  // What is written goes out as it is, and the end is that of the stream.
  void become_tunnel() { tunnel_ = true; }

  net::Task<base::Result<void>> write(OutgoingMessage::Part part, base::Millis patience);
  bool takes_pipes() const {
    return head_.empty() && !stream_.is_secure() && framing_ != http::Body::Kind::chunked;
  }
  net::Task<base::Result<void>> write_from(const net::Pipe& pipe, std::size_t bytes, base::Millis patience);
  // A write has failed.
  bool broken() const { return broken_; }

 private:
  net::Task<base::Result<void>> send_whole(std::string_view whole, base::Millis patience, bool end);
  net::Task<base::Result<void>> send(std::span<const std::string_view> parts, base::Millis patience, bool end);
  net::Task<base::Result<void>> wait(net::Stream::Write writing, bool end);
  base::Result<void> wrote(base::Result<void> written, bool end);

  net::Stream& stream_;
  LazyBuffer& head_room_;
  std::string_view head_;
  http::Body::Kind framing_ = http::Body::Kind::none;
  std::optional<http::ChunkHead> chunk_head_;  // of the write at hand
  bool tunnel_ = false;
  bool broken_ = false;
};

}  // namespace drawbridge::serve
