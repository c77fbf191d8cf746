#include "proxy/serve/relay.h"

#include <array>
#include <optional>

namespace drawbridge::serve {
namespace {

constexpr std::size_t pieces_max = 5;

// What one gathered write takes: head, chunk frame, pieces, end of the body.
class Batch {
 public:
  explicit Batch(std::string_view head) { add(head); }

  // Takes what the input holds. Returns the state that stopped it: need_more, ended, failed, or data (batch full).
  BodySource::State gather(Relay& relay) {
    std::array<std::string_view, pieces_max> pieces;
    std::size_t count = 0;
    std::size_t bytes = 0;
    auto state = BodySource::State::data;
    while (count < pieces_max) {
      std::span<const char> piece;
      state = relay.source.take(relay.input, piece);
      if (state != BodySource::State::data) break;
      pieces[count++] = {piece.data(), piece.size()};
      bytes += piece.size();
    }
    const bool chunked = relay.framing == http::Body::Kind::chunked;
    if (chunked && bytes > 0) add(chunk_head_.emplace(bytes).view());
    for (std::size_t i = 0; i < count; ++i) add(pieces[i]);
    if (chunked && bytes > 0) add(http::chunk_end);
    if (chunked && state == BodySource::State::ended) add_end(relay.source.trailers());
    return state;
  }

  bool empty() const { return count_ == 0; }
  std::span<const std::string_view> parts() const { return {parts_.data(), count_}; }

 private:
  void add(std::string_view part) {
    if (!part.empty()) parts_[count_++] = part;
  }
  void add_end(std::string_view trailers) {
    add(http::last_chunk);
    add(trailers);
    add(http::chunk_end);
  }

  std::array<std::string_view, net::Stream::parts_max> parts_;
  std::size_t count_ = 0;
  std::optional<http::ChunkHead> chunk_head_;
};

}  // namespace

net::Task<base::Result<void>> relay_body(Relay relay, std::string_view head) {
  for (;;) {
    Batch batch(head);
    const auto state = batch.gather(relay);
    head = {};
    if (!batch.empty()) {
      const auto written = co_await relay.to.write(batch.parts(), relay.write_patience);
      if (!written) co_return std::unexpected(written.error());
    }
    if (state == BodySource::State::ended) co_return base::Result<void>{};
    if (state == BodySource::State::failed) co_return std::unexpected(relay.source.failure());
    if (state == BodySource::State::data) continue;
    // Nobody takes any more: to wait for the next piece would be in vain.
    if (relay.to.cancelled()) {
      co_return std::unexpected(base::Failure{.fault = base::Fault::proxy, .reason = base::Reason::cancelled});
    }
    const auto deadline = relay.from.loop().now() + relay.read_patience;
    const auto got = co_await relay.from.read_some(relay.input.room(), deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0 && relay.source.stream_ended() == BodySource::State::failed) {
      co_return std::unexpected(relay.source.failure());
    }
    relay.input.commit(*got);
  }
}

}  // namespace drawbridge::serve
