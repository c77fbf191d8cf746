#include "proxy/serve/h2_connection.h"

#include "proxy/net/library_heap.h"
#include "proxy/serve/exchange.h"
#include "proxy/serve/refused_head.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <utility>

namespace drawbridge::serve {
namespace {

// A head must fit its buffer with room to spare, whatever the configuration says.
constexpr std::size_t head_bytes_cap = net::Buffer::size() - 4096;

// How long a client has to answer the first GOAWAY before new streams are refused (RFC 9113 section 6.8).
constexpr std::chrono::milliseconds goodbye_time{500};

http::H2Options options_of(const core::ClientBounds& bounds, http::H2Spare& spare) {
  http::H2Options options{.role = http::H2Options::Role::server,
                          .concurrent_streams_max = bounds.h2_streams_max,
                          .spare = &spare,
                          .heads = bounds.head,
                          .extended_connect = true,
                          .heap = &net::LibraryHeap::functions};
  options.heads.head_bytes_max = std::min(options.heads.head_bytes_max, head_bytes_cap);
  return options;
}

}  // namespace

H2Connection::H2Connection(Worker& worker, net::Stream& stream, const Client& client)
    : worker_(worker),
      stream_(stream),
      client_(client),
      session_(options_of(worker.snapshot().bounds, worker.h2_spare()), *this),
      conversation_(worker.buffers(), stream, *this),
      streams_ended_(worker.loop()),
      link_{.session = session_,
            .loop = worker.loop(),
            .buffers = worker.buffers(),
            .conversation = conversation_,
            .answered = answered_},
      streams_max_(worker.snapshot().bounds.h2_streams_max),
      idle_until_(worker.loop().now() + worker.snapshot().bounds.idle_timeout),
      idle_(worker.loop().wheel(), *this),
      goodbye_(worker.loop().wheel(), *this) {}

H2Connection::~H2Connection() = default;

net::Task<bool> H2Connection::run(std::string_view first) {
  if (streams_ == 0) idle_.arm(std::min(idle_until_, worker_.loop().now() + rest_after));
  const auto came = co_await conversation_.run(first);
  idle_.disarm();
  if (came == net::Conversation::Came::pause) {
    session_.rest();
    co_return true;
  }
  goodbye_.disarm();
  session_.connection_lost();
  while (streams_ > 0) co_await streams_ended_.wait();
  co_return false;
}

bool H2Connection::hear(std::span<const char> bytes) {
  return session_.receive(bytes, worker_.loop().now());
}

// What was answered before its request had ended is reset once all that was said has been put out.
std::size_t H2Connection::speak(std::span<char> into) {
  const auto bytes = session_.produce(into);
  if (bytes > 0 || answered_.empty()) return bytes;
  for (const auto id : answered_) session_.reset(id, http::H2Code::no_error);
  answered_.clear();
  return session_.produce(into);
}

base::Millis H2Connection::write_patience() const {
  return worker_.snapshot().bounds.body_timeout;
}

// The session may have something to say, also while it rests.
void H2Connection::wake() {
  conversation_.changed();
  if (!conversation_.runs()) stream_.interrupt_read();
}

http::H2StreamUser* H2Connection::on_open(http::H2StreamId id) {
  if (streams_ >= streams_max_) return nullptr;
  opened_ = nullptr;
  worker_.loop().spawn(serve_stream(id));
  return opened_;
}

net::Task<> H2Connection::serve_stream(http::H2StreamId id) {
  auto space = worker_.workspaces().take();
  H2Stream stream(client_, *space, link_, id);
  ++streams_;
  asked_ = true;
  idle_.disarm();
  opened_ = &stream;
  const auto came = co_await stream.head(worker_.loop().now() + worker_.snapshot().bounds.head_timeout);
  // One that began when the worker was going already has not heard of it.
  if (worker_.stopping()) begin_shutdown(worker_.loop().now());
  if (came == H2Stream::Came::head || came == H2Stream::Came::refused) {
    co_await serve_request(stream, came);
    space->rest();
  } else if (came == H2Stream::Came::late) {
    session_.terminate(http::H2Code::enhance_your_calm);  // the block it is in the middle of holds up all others
    conversation_.changed();
  }
  co_await stream.settle();
  stream_ended();
}

net::Task<> H2Connection::serve_request(H2Stream& stream, H2Stream::Came came) {
  if (came == H2Stream::Came::refused) {
    co_await answer_refused_head(worker_, stream, stream.refusal());
    co_return;
  }
  Exchange exchange(worker_, stream);
  Served served(exchange);
  served_.push_back(served);
  co_await exchange.run();
  exchange.finish();
}

void H2Connection::stream_ended() {
  --streams_;
  if (streams_ > 0) return;
  const auto now = worker_.loop().now();
  idle_until_ = now + worker_.snapshot().bounds.idle_timeout;
  idle_.arm(std::min(idle_until_, now + rest_after));
  streams_ended_.tell();
}

void H2Connection::on_abuse(const http::H2Bound& bound) {
  worker_.h2_abused(client_.address_text, bound.name);
}

void H2Connection::deadline_passed(net::Deadline& deadline) {
  if (&deadline == &goodbye_) {
    session_.end_shutdown();
  } else if (worker_.loop().now() < idle_until_) {
    conversation_.pause();
    return idle_.arm(idle_until_);
  } else {
    session_.terminate(http::H2Code::no_error);
  }
  wake();
}

void H2Connection::begin_shutdown(base::SteadyTime tunnels_go_at) {
  if (conversation_.ending() || std::exchange(told_to_go_, true)) return;
  session_.begin_shutdown();
  wake();
  goodbye_.arm(worker_.loop().now() + goodbye_time);
  for (auto& served : served_) served.exchange.told_to_go(tunnels_go_at);
}

// What the client may have sent at the same time is above the last stream that the GOAWAY names: it may be sent
// again elsewhere.
bool H2Connection::close_if_idle() {
  if (conversation_.ending() || streams_ > 0 || stream_.cancelled() || stream_.has_input()) return false;
  session_.terminate(http::H2Code::no_error);
  wake();
  return true;
}

// What is cut hears of it, if its client takes it at once.
void H2Connection::end() {
  for (auto& served : served_) served.exchange.cut();
  if (conversation_.ending() || ending_) return stream_.cancel(base::Reason::cancelled);
  ending_ = true;
  session_.end_shutdown();
  wake();
  goodbye_.disarm();
}

}  // namespace drawbridge::serve
