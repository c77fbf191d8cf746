#include "proxy/serve/relay.h"

#include "proxy/serve/body_pace.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace drawbridge::serve {
namespace {

using State = IncomingBody::State;

// A body that comes as fast as it is read must not keep all others waiting.
constexpr std::size_t rounds_in_a_row_max = 4;

// What is left of a body of 1 MiB costs half as much through a pipe as through our memory; a small rest is not
// worth the pipe.
constexpr std::uint64_t poured_bytes_min = 128 * 1024;
constexpr std::uint64_t poured_at_once_max = 256 * 1024;

// What one gathered write takes of a body.
class Batch {
 public:
  // Takes what is here. Returns the state that stopped it: need_more, ended, failed, or data (batch full).
  State gather(IncomingBody& body) {
    while (count_ < pieces_.size()) {
      std::span<const char> piece;
      const auto state = body.take(piece);
      if (state != State::data) return state;
      pieces_[count_++] = {piece.data(), piece.size()};
    }
    return State::data;
  }

  bool empty() const { return count_ == 0; }
  std::span<const std::string_view> pieces() const { return {pieces_.data(), count_}; }

 private:
  std::array<std::string_view, OutgoingMessage::pieces_max> pieces_;
  std::size_t count_ = 0;
};

base::SteadyTime read_deadline(const Relay& relay, const BodyPace& pace, base::SteadyTime now) {
  const bool bounded = relay.answered == nullptr || !*relay.answered;
  return bounded ? now + pace.patience(relay.from.bytes()) : base::SteadyTime::max();
}

bool is_worth_a_pipe(const Relay& relay) {
  return relay.pipes != nullptr && relay.from.bare_bytes() >= poured_bytes_min && relay.to.takes_pipes();
}

// Waits for more: how many bytes of it came into the pipe, if there is one.
net::Task<base::Result<std::size_t>> read_more(Relay relay, const std::optional<net::Pipe>& pipe,
                                               base::SteadyTime deadline) {
  if (pipe) {
    const auto bytes_max = static_cast<std::size_t>(std::min(relay.from.bare_bytes(), poured_at_once_max));
    const auto poured = co_await relay.from.take_into(*pipe, bytes_max, deadline);
    co_return poured;
  }
  const auto more = co_await relay.from.more(deadline);
  if (!more) co_return std::unexpected(more.error());
  co_return std::size_t{0};
}

// Begins with what was gathered.
net::Task<base::Result<void>> relay_pieces(Relay relay, Batch batch, State state) {
  BodyPace reading(relay.read_patience, relay.read_rate_min);
  BodyPace writing(relay.write_patience, relay.write_rate_min);
  std::optional<net::Pipe> pipe;
  std::size_t poured = 0;  // into the pipe, to be written
  for (std::size_t round = 0;; ++round) {
    const auto offered = relay.loop.now();
    const auto patience = writing.patience(relay.from.bytes());
    if (poured > 0) {
      const auto written = co_await relay.to.write_from(*pipe, std::exchange(poured, 0), patience);
      if (!written) co_return written;
    }
    if (round > 0) {
      batch = {};
      state = batch.gather(relay.from);
    }
    const bool end = state == State::ended;
    if (round == 0 || end || !batch.empty()) {
      const OutgoingMessage::Part part{
          .pieces = batch.pieces(), .end = end, .trailers = end ? relay.from.trailers() : std::string_view{}};
      const auto written = co_await relay.to.write(part, patience);
      if (!written) co_return std::unexpected(written.error());
    }
    writing.waited(relay.loop.now() - offered);
    if (end) co_return base::Result<void>{};
    if (state == State::failed) co_return std::unexpected(relay.from.failure());
    if (state == State::data) continue;
    if ((round + 1) % rounds_in_a_row_max == 0) co_await relay.loop.let_others();
    // Nobody takes any more: to wait for the next piece would be in vain.
    if (relay.to.cancelled()) {
      co_return std::unexpected(base::Failure{.fault = base::Fault::proxy, .reason = base::Reason::cancelled});
    }
    if (!pipe && is_worth_a_pipe(relay)) {
      if (auto opened = relay.pipes->open()) pipe.emplace(std::move(*opened));
    }
    const auto begun = relay.loop.now();
    const auto deadline = read_deadline(relay, reading, begun);
    const auto got = co_await read_more(relay, pipe, deadline);
    reading.waited(relay.loop.now() - begun);
    poured = got.value_or(0);
    if (got) continue;
    const bool answered_meanwhile = relay.answered != nullptr && *relay.answered && relay.loop.now() >= deadline;
    if (got.error().reason != base::Reason::timed_out || !answered_meanwhile)
      co_return std::unexpected(got.error());
  }
}

}  // namespace

// A small body is here with its head: one write, and no frame.
net::Task<base::Result<void>> relay_body(Relay relay) {
  Batch batch;
  const auto state = batch.gather(relay.from);
  if (state != State::ended || !relay.to.takes_pieces_at_once()) return relay_pieces(relay, batch, state);
  return relay.to.write({.pieces = batch.pieces(), .end = true, .trailers = relay.from.trailers()},
                        relay.write_patience);
}

}  // namespace drawbridge::serve
