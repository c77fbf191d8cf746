#include "proxy/serve/h2_connection.h"

#include "proxy/net/fork.h"
#include "proxy/net/library_heap.h"
#include "proxy/serve/exchange.h"
#include "proxy/serve/refused_head.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <array>

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
      output_(worker.loop(), net::Signal::Resume::last),
      flushed_(worker.loop()),
      streams_ended_(worker.loop()),
      link_{.session = session_,
            .loop = worker.loop(),
            .buffers = worker.buffers(),
            .output = output_,
            .answered = answered_},
      streams_max_(worker.snapshot().bounds.h2_streams_max),
      idle_(worker.loop().wheel(), *this),
      goodbye_(worker.loop().wheel(), *this) {}

H2Connection::~H2Connection() = default;

net::Task<> H2Connection::run(std::string_view first) {
  idle_.arm(worker_.loop().now() + worker_.snapshot().bounds.idle_timeout);
  net::Fork<bool> writer(write_all());
  co_await read_all(first);
  idle_.disarm();
  goodbye_.disarm();
  over_ = true;
  if (!session_.finished()) stream_.cancel(base::Reason::cancelled);
  output_.tell();
  co_await writer.join();
  session_.connection_lost();
  while (streams_ > 0) co_await streams_ended_.wait();
}

// Nothing is read while the client does not take what is to be written: what it sends could make that grow without
// bound. Without input there is no buffer.
net::Task<> H2Connection::read_all(std::string_view first) {
  bool good = session_.receive(first, worker_.loop().now());
  for (;;) {
    const bool taken = co_await flushed();
    if (!taken || !good || session_.finished()) co_return;
    const auto readable = co_await stream_.readable(base::SteadyTime::max());
    if (!readable && readable.error().reason == base::Reason::timed_out) continue;
    if (!readable) co_return;
    auto buffer = link_.buffers.take();
    const auto got = co_await stream_.read_some(buffer.span(), base::SteadyTime::max());
    if (!got && got.error().reason == base::Reason::timed_out) continue;
    if (!got || *got == 0) co_return;
    good = session_.receive(buffer.span().first(*got), worker_.loop().now());
  }
}

// Waits until what can be written now was written. False if it cannot be.
net::Task<bool> H2Connection::flushed() {
  output_.tell();
  if (!broken_ && (writing_ || session_.wants_output())) co_await flushed_.wait();
  co_return !broken_;
}

// All that the streams had to say in a turn leaves in as few writes as there are full buffers.
net::Task<bool> H2Connection::write_all() {
  for (;;) {
    const auto patience = worker_.snapshot().bounds.body_timeout;
    auto buffer = session_.wants_output() ? link_.buffers.take() : net::Buffer();
    const auto bytes = buffer ? session_.produce(buffer.span()) : 0;
    if (bytes == 0 && reset_answered()) continue;
    if (bytes == 0) {
      buffer.reset();
      flushed_.tell();
      if (session_.finished()) stream_.interrupt_read();
      if (over_) co_return true;
      co_await output_.wait();
      continue;
    }
    writing_ = true;
    const std::array<std::string_view, 1> parts{std::string_view(buffer.data(), bytes)};
    const auto written = co_await stream_.write(parts, patience);
    writing_ = false;
    if (written) continue;
    broken_ = true;
    flushed_.tell();
    stream_.cancel(written.error());
    co_return false;
  }
}

// True if there were any.
bool H2Connection::reset_answered() {
  for (const auto id : answered_) session_.reset(id, http::H2Code::no_error);
  const bool any = !answered_.empty();
  answered_.clear();
  return any;
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
  if (came == H2Stream::Came::head || came == H2Stream::Came::refused) {
    co_await serve_request(stream, came);
    space->rest();
  } else if (came == H2Stream::Came::late) {
    session_.terminate(http::H2Code::enhance_your_calm);  // the block it is in the middle of holds up all others
    output_.tell();
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
  idle_.arm(worker_.loop().now() + worker_.snapshot().bounds.idle_timeout);
  streams_ended_.tell();
}

void H2Connection::on_abuse(const http::H2Bound& bound) {
  worker_.h2_abused(client_.address_text, bound.name);
}

void H2Connection::deadline_passed(net::Deadline& deadline) {
  if (&deadline == &goodbye_) {
    session_.end_shutdown();
  } else {
    session_.terminate(http::H2Code::no_error);
  }
  output_.tell();
}

void H2Connection::begin_shutdown(base::SteadyTime tunnels_go_at) {
  if (over_) return;
  session_.begin_shutdown();
  output_.tell();
  goodbye_.arm(worker_.loop().now() + goodbye_time);
  for (auto& served : served_) served.exchange.told_to_go(tunnels_go_at);
}

// What the client may have sent at the same time is above the last stream that the GOAWAY names: it may be sent
// again elsewhere.
bool H2Connection::close_if_idle() {
  if (over_ || streams_ > 0 || stream_.cancelled() || stream_.has_input()) return false;
  session_.terminate(http::H2Code::no_error);
  output_.tell();
  return true;
}

// What is cut hears of it, if its client takes it at once.
void H2Connection::end() {
  for (auto& served : served_) served.exchange.cut();
  if (over_ || ending_) return stream_.cancel(base::Reason::cancelled);
  ending_ = true;
  session_.end_shutdown();
  output_.tell();
  goodbye_.disarm();
}

}  // namespace drawbridge::serve
