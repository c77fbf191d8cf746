#include "proxy/serve/tunnel.h"

#include "proxy/base/ascii.h"
#include "proxy/net/fork.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <array>

namespace drawbridge::serve {
namespace {

// How long both sides have for their own close after ours (RFC 6455 section 7.1.1 leaves it to us).
constexpr std::chrono::seconds goodbye_time{5};

}  // namespace

Tunnel::Tunnel(Call& call, net::Stream& upstream)
    : call_(call),
      upstream_(upstream),
      websocket_(base::iequals(call.request().upgrade, "websocket")),
      idle_(call.worker.snapshot().bounds.tunnel_idle_timeout),
      active_(call.worker.loop().now()),
      to_client_{.from = upstream,
                 .to = call.connection.stream(),
                 .input = call.space().upstream,
                 .patience = call.worker.snapshot().bounds.body_timeout},
      to_upstream_{.from = call.connection.stream(),
                   .to = upstream,
                   .input = call.space().client,
                   .patience = call.plan.pool->timing.body},
      go_at_(call.worker.loop().wheel(), *this) {}

net::Task<> Tunnel::run(std::string_view head) {
  const std::array<std::string_view, 1> parts{head};
  const auto sent = co_await to_client_.to.write(parts, to_client_.patience);
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
    result = co_await pass(way);
    if (!result) break;
    if (going_ && websocket_ && !way.said_goodbye && way.frames.at_boundary()) {
      result = co_await say_goodbye(way);
      if (!result) break;
    }
    const auto deadline = std::min(active_ + idle_, gone_by_);
    const auto got = co_await way.from.read_some(way.input.room(), deadline);
    if (got && *got == 0) {
      way.to.shutdown_send();
      co_return base::Result<void>{};
    }
    if (got) {
      active_ = call_.worker.loop().now();
      way.input.commit(*got);
    } else if (must_end(got.error())) {
      result = std::unexpected(got.error());
      break;
    }
  }
  upstream_.cancel(base::Reason::cancelled);
  call_.connection.stream().cancel(base::Reason::cancelled);
  co_return result;
}

bool Tunnel::must_end(const base::Failure& failure) const {
  const auto now = call_.worker.loop().now();
  return failure.reason != base::Reason::timed_out || now >= std::min(active_ + idle_, gone_by_);
}

// Passes on what was read; after our goodbye, drops it. While going, stops at the first frame boundary.
net::Task<base::Result<void>> Tunnel::pass(Direction& way) {
  if (way.said_goodbye) way.input.consume(way.input.view().size());
  auto bytes = way.input.view();
  if (bytes.empty()) co_return base::Result<void>{};
  if (going_ && websocket_) bytes = bytes.substr(0, way.frames.until_boundary(bytes));
  if (bytes.empty()) co_return base::Result<void>{};
  if (websocket_) way.frames.feed(bytes);
  const std::array<std::string_view, 1> parts{bytes};
  const auto written = co_await way.to.write(parts, way.patience);
  way.bytes += bytes.size();
  way.input.consume(bytes.size());
  co_return written;
}

net::Task<base::Result<void>> Tunnel::say_goodbye(Direction& way) {
  way.said_goodbye = true;
  gone_by_ = std::min(gone_by_, call_.worker.loop().now() + goodbye_time);
  if (way.frames.close_seen()) co_return base::Result<void>{};
  const auto mask = static_cast<std::uint32_t>(call_.worker.ids().next_bits());
  const auto frame = &way == &to_client_ ? http::close_frame_to_client(http::close_service_restart)
                                         : http::close_frame_to_upstream(http::close_service_restart, mask);
  const std::array<std::string_view, 1> parts{frame.view()};
  const auto written = co_await way.to.write(parts, way.patience);
  co_return written;
}

void Tunnel::deadline_passed(net::Deadline&) {
  going_ = true;
  to_client_.from.interrupt_read();
  to_upstream_.from.interrupt_read();
}

}  // namespace drawbridge::serve
