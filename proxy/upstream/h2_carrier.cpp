#include "proxy/upstream/h2_carrier.h"

#include "proxy/base/check.h"
#include "proxy/net/fork.h"
#include "proxy/net/library_heap.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
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

struct Later {
  net::Loop& loop;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { loop.ready(waiter); }
  void await_resume() const noexcept {}
};

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
      output_(loop, net::Signal::Resume::last),
      flushed_(loop),
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
  co_await Later{loop_};
  watch_.arm(loop_.now() + watch_interval);
  net::Fork<bool> writer(write_all());
  co_await read_all();
  watch_.disarm();
  ending_ = true;
  if (!session_.finished()) stream_->cancel(Reason::cancelled);
  output_.tell();
  co_await writer.join();
  end(failure_);
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

net::Task<> H2Carrier::read_all() {
  // By the writer, to look again; a stream that was cancelled, for whatever reason, says so for ever.
  const auto interrupted = [this](const Failure& failure) {
    return failure.reason == Reason::timed_out && !stream_->cancelled();
  };
  for (bool good = true; good;) {
    const bool taken = co_await flushed();
    if (!taken || session_.finished()) co_return;
    const auto readable = co_await stream_->readable(base::SteadyTime::max());
    if (!readable && interrupted(readable.error())) continue;
    if (!readable) {
      failure_ = readable.error();
      co_return;
    }
    auto buffer = buffers_.take();
    const auto got = co_await stream_->read_some(buffer.span(), base::SteadyTime::max());
    if (!got && interrupted(got.error())) continue;
    if (!got) failure_ = got.error();
    if (!got || *got == 0) co_return;
    heard_at_ = loop_.now();
    doubted_ = only_pong_ = false;
    good = session_.receive(buffer.span().first(*got), loop_.now());
    spoke_ = spoke_ || !only_pong_;
    if (!good) failure_ = {.fault = Fault::upstream, .reason = Reason::malformed};
    changed();
  }
  co_await flushed();
}

net::Task<bool> H2Carrier::flushed() {
  while (!broken_ && (writing_ || session_.wants_output())) co_await flushed_.wait();
  co_return !broken_;
}

// All that the riders had to say in a turn leaves in as few writes as there are full buffers.
net::Task<bool> H2Carrier::write_all() {
  for (;;) {
    auto buffer = session_.wants_output() ? buffers_.take() : net::Buffer();
    const auto bytes = buffer ? session_.produce(buffer.span()) : 0;
    tell_owner();
    if (bytes == 0) {
      buffer.reset();
      flushed_.tell();
      if (session_.finished()) stream_->interrupt_read();
      if (ending_) co_return true;
      co_await output_.wait();
      continue;
    }
    writing_ = true;
    const std::array<std::string_view, 1> parts{std::string_view(buffer.data(), bytes)};
    const auto written = co_await stream_->write(parts, timing_.body);
    writing_ = false;
    if (written) continue;
    broken_ = true;
    failure_ = written.error();
    flushed_.tell();
    stream_->cancel(written.error().reason);
    co_return false;
  }
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
  if (over_ || ending_) return;
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
