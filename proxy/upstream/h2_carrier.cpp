#include "proxy/upstream/h2_carrier.h"

#include "proxy/base/check.h"
#include "proxy/net/library_heap.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace drawbridge::upstream {
namespace {

using base::Failure;
using base::Fault;
using base::Reason;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds watch_interval = 1s;

// A connection that is silent while answers are awaited is asked whether it still lives. Rarely: servers of gRPC
// count a PING within five minutes of the last, without an answer of theirs between, as abuse.
constexpr std::chrono::milliseconds silence_max = 30s;
constexpr std::chrono::milliseconds ping_interval = 301s;
constexpr std::chrono::milliseconds ping_patience = 10s;

// How long a server has to take our goodbye.
constexpr std::chrono::milliseconds goodbye_patience = 2s;

// As good as none: each stream has its own. Clients that do not take their answers would else use that of the
// connection up, and keep those of all others from coming.
constexpr std::uint32_t connection_window_bytes = 1'000'000'000;

constexpr std::size_t head_bytes_cap = net::Buffer::size() - 4096;

http::H2Options options_of(const H2Carrier::Setup& setup) {
  return {.role = http::H2Options::Role::client,
          .connection_window_bytes = connection_window_bytes,
          .heads = {.head_bytes_max = std::min(setup.head_bytes_max, head_bytes_cap),
                    .headers_max = http::header_capacity},
          .first_streams_max = setup.streams_max,
          .heap = &net::LibraryHeap::functions};
}

}  // namespace

H2Carrier::H2Carrier(net::Loop& loop, net::BufferPool& buffers, Owner& owner, Setup setup)
    : loop_(loop),
      buffers_(buffers),
      owner_(owner),
      stream_(std::move(setup.stream)),
      server_(setup.server),
      slot_(setup.slot),
      generation_(setup.generation),
      timing_(setup.timing),
      scheme_(setup.scheme),
      session_(options_of(setup), *this),
      conversation_(buffers, *stream_, *this),
      left_(loop),
      watch_(loop.wheel(), *this),
      used_at_(loop.now()),
      heard_at_(loop.now()) {}

H2Carrier::~H2Carrier() = default;

H2Carrier& H2Carrier::launch(net::Loop& loop, net::BufferPool& buffers, Owner& owner, Setup setup) {
  std::unique_ptr<H2Carrier> carrier(new H2Carrier(loop, buffers, owner, std::move(setup)));
  auto& launched = *carrier;
  loop.spawn(live(std::move(carrier)));
  return launched;
}

net::Task<> H2Carrier::live(std::unique_ptr<H2Carrier> self) {
  co_await self->run();
  auto& owner = self->owner_;
  self->stream_.reset();
  owner.carrier_gone(*self);
}

// A server may have reset it already: who launched it must have boarded before it can end.
net::Task<> H2Carrier::run() {
  constexpr Failure malformed{.fault = Fault::upstream, .reason = Reason::malformed};
  co_await loop_.let_others();
  watch_.arm(loop_.now() + watch_interval);
  co_await conversation_.run();
  watch_.disarm();
  end(malformed_ ? malformed : conversation_.failure());
  while (riders_ > 0) co_await left_.wait();
}

// Nobody rides on it any more from here: each stream hears why.
void H2Carrier::end(Failure why) {
  if (std::exchange(over_, true)) return;
  failure_ = why;
  session_.connection_lost();
  on_settings();
  tell_owner();
}

// The writer does each time that it was woken: a stream ends with what is received or, given up, when its reset
// leaves.
void H2Carrier::tell_owner() {
  if (has_room() || retired_ || over_) owner_.carrier_changed(*this);
}

void H2Carrier::on_settings() {
  for (auto* const signal : watching_) signal->tell();
}

bool H2Carrier::hear(std::span<const char> bytes) {
  heard_at_ = loop_.now();
  doubted_ = only_pong_ = false;
  malformed_ = !session_.receive(bytes, loop_.now());
  spoke_ = spoke_ || !only_pong_;
  return !malformed_;
}

void H2Carrier::leave(bool opened) {
  DRAWBRIDGE_CHECK(riders_ > 0);
  --riders_;
  if (!opened) --expected_;
  carried_ = true;
  used_at_ = loop_.now();
  if (!opened) tell_owner();
  if (riders_ > 0) return;
  left_.tell();
  if (retired_) say_goodbye();
}

void H2Carrier::retire() {
  if (std::exchange(retired_, true)) return;
  if (riders_ == 0) say_goodbye();
  tell_owner();
}

void H2Carrier::say_goodbye() {
  if (over_ || conversation_.ending()) return;
  retired_at_ = loop_.now();
  session_.terminate(http::H2Code::no_error);
  changed();
}

void H2Carrier::on_goaway(http::H2StreamId, http::H2Code) {
  retire();
}

void H2Carrier::deadline_passed(net::Deadline&) {
  const auto now = loop_.now();
  watch_.arm(now + watch_interval);
  if (riders_ == 0) {
    if (retired_ && now - retired_at_ >= goodbye_patience) return stream_->cancel(Reason::cancelled);
    const bool awaited = owner_.carrier_awaited(*this);
    if (awaited) used_at_ = now;
    if (!retired_ && (doubted_ || now - used_at_ >= timing_.idle)) retire();
    if (retired_ || !awaited) return;
  }
  // Riders that leave because they waited too long are no sign of life.
  const auto silent_since = std::max(heard_at_, awaited_at_);
  const bool may_ask = spoke_ || !asked_at_ || now - *asked_at_ >= ping_interval;
  const bool asked = asked_at_ && *asked_at_ > heard_at_;
  if (asked && now - *asked_at_ >= ping_patience) {
    stream_->cancel(Reason::timed_out);
  } else if (!asked && may_ask && now - silent_since >= silence_max) {
    asked_at_ = now;
    spoke_ = false;
    session_.ping(1);
    changed();
  }
}

}  // namespace drawbridge::upstream
