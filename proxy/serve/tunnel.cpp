#include "proxy/serve/tunnel.h"

#include "proxy/base/ascii.h"
#include "proxy/net/fork.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <array>
#include <span>

namespace drawbridge::serve {
namespace {

// How long both sides have for their own close after ours (RFC 6455 section 7.1.1 leaves it to us).
constexpr std::chrono::seconds goodbye_time{5};

using State = IncomingBody::State;

}  // namespace

Tunnel::Tunnel(Call& call, UpstreamChannel& upstream)
    : call_(call),
      upstream_(upstream),
      websocket_(base::iequals(call.request().upgrade, "websocket")),
      idle_(call.worker.snapshot().bounds.tunnel_idle_timeout),
      active_(call.worker.loop().now()),
      to_client_{.from = upstream, .to = call.channel, .patience = call.worker.snapshot().bounds.body_timeout},
      to_upstream_{.from = call.channel, .to = upstream, .patience = call.plan.pool->timing.body},
      go_at_(call.worker.loop().wheel(), *this) {}

net::Task<> Tunnel::run() {
  const auto sent = co_await to_client_.to.write({}, to_client_.patience);
  if (sent) {
    net::Fork<base::Result<void>> upwards(pump(to_upstream_));
    const auto down = co_await pump(to_client_);
    const auto up = co_await upwards.join();
    const auto& failed = !down ? down : up;
    if (!failed) call_.record.failure = base::name(failed.error().reason);
  }
  call_.record.request_bytes = to_upstream_.bytes;
  call_.record.response_bytes = to_client_.bytes;
}

// One direction until its end, which is passed on as a half-close. A failure ends the other direction too.
net::Task<base::Result<void>> Tunnel::pump(Direction& way) {
  auto result = base::Result<void>{};
  for (;;) {
    const auto passed = co_await pass(way);
    if (passed && *passed == State::ended) co_return result;
    result = passed ? base::Result<void>{} : std::unexpected(passed.error());
    if (result && going_ && websocket_ && !way.said_goodbye && way.frames.at_boundary()) {
      result = co_await say_goodbye(way);
    }
    if (!result) break;
    if (*passed == State::data) continue;
    const auto got = co_await way.from.more(std::min(active_ + idle_, gone_by_));
    if (got) {
      active_ = call_.worker.loop().now();
    } else if (must_end(got.error())) {
      result = got;
      break;
    }
  }
  upstream_.cancel({.fault = base::Fault::upstream, .reason = base::Reason::cancelled});
  call_.channel.cancel();
  co_return result;
}

bool Tunnel::must_end(const base::Failure& failure) const {
  const auto now = call_.worker.loop().now();
  return failure.reason != base::Reason::timed_out || now >= std::min(active_ + idle_, gone_by_);
}

// Passes on a piece of what is here. While going, what comes behind the first frame boundary is dropped: our
// goodbye stands in its place.
net::Task<base::Result<IncomingBody::State>> Tunnel::pass(Direction& way) {
  std::span<const char> piece;
  const auto state = way.from.take(piece);
  if (state == State::failed) co_return std::unexpected(way.from.failure());
  if (state == State::ended) {
    const auto ended = co_await way.to.write({.end = true}, way.patience);
    if (!ended) co_return std::unexpected(ended.error());
  }
  if (state != State::data) co_return state;
  std::string_view bytes(piece.data(), piece.size());
  if (going_ && websocket_) bytes = bytes.substr(0, way.frames.until_boundary(bytes));
  if (websocket_) way.frames.feed(bytes);
  const auto sent = co_await send(way, bytes);
  if (!sent) co_return std::unexpected(sent.error());
  way.bytes += bytes.size();
  co_return state;
}

net::Task<base::Result<void>> Tunnel::send(Direction& way, std::string_view bytes) {
  const std::array<std::string_view, 1> pieces{bytes};
  const auto written =
      co_await way.to.write({.pieces = std::span(pieces).first(bytes.empty() ? 0 : 1)}, way.patience);
  co_return written;
}

net::Task<base::Result<void>> Tunnel::say_goodbye(Direction& way) {
  way.said_goodbye = true;
  gone_by_ = std::min(gone_by_, call_.worker.loop().now() + goodbye_time);
  if (way.frames.close_seen()) co_return base::Result<void>{};
  const auto mask = static_cast<std::uint32_t>(call_.worker.ids().next_bits());
  const auto frame = &way == &to_client_ ? http::close_frame_to_client(http::close_service_restart)
                                         : http::close_frame_to_upstream(http::close_service_restart, mask);
  const auto written = co_await send(way, frame.view());
  co_return written;
}

bool Tunnel::cut() {
  if (!websocket_ || cut_ || (to_client_.said_goodbye && to_upstream_.said_goodbye)) return false;
  deadline_passed(go_at_);
  cut_ = true;
  go_at_.arm(call_.worker.loop().now() + last_words_time);
  return true;
}

void Tunnel::deadline_passed(net::Deadline&) {
  if (cut_) {
    upstream_.cancel({.fault = base::Fault::upstream, .reason = base::Reason::cancelled});
    return to_client_.said_goodbye ? call_.channel.cancel() : call_.channel.fail_answer(Broken::cut);
  }
  going_ = true;
  upstream_.interrupt();
  call_.channel.interrupt();
}

}  // namespace drawbridge::serve
