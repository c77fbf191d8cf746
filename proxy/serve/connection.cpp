#include "proxy/serve/connection.h"

#include "proxy/serve/exchange.h"
#include "proxy/serve/h1_client.h"
#include "proxy/serve/h2_connection.h"
#include "proxy/serve/refused_head.h"
#include "proxy/serve/turn_away.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <string>

namespace drawbridge::serve {
namespace {

// What a client may still send after our last answer, and for how long we take it: closing with unread input would
// reset the connection and destroy the answer in flight (RFC 9112 section 9.6).
constexpr std::uint64_t linger_bytes_max = 1024 * 1024;
constexpr std::chrono::seconds linger_time{2};

// A head must fit its buffer with room to spare, whatever the configuration says.
constexpr std::size_t head_bytes_cap = net::Buffer::size() - 4096;

}  // namespace

Connection::Connection(Worker& worker, net::UniqueFd fd, const http::ProxyParties& parties, const Door& door,
                       Census::Seat seat, base::SteadyTime came)
    : worker_(worker),
      door_(door),
      seat_(std::move(seat)),
      guest_(worker.loop()),
      stream_(worker.loop(), std::move(fd), base::Fault::client,
              door.tls ? net::Stream::Start::connected : net::Stream::Start::accepted),
      client_{.address = parties.client.ip,
              .local = parties.local,
              .port = parties.client.port,
              .address_text = std::string(http::format_ip(parties.client.ip).view()),
              .stream = &stream_},
      came_(came),
      speaks_(door.tls || door.h2c ? Speaks::unknown : Speaks::http1) {
  worker.counters().connections_open.add();
  if (!door.tls) return;
  stream_.secure(net::TlsServer::accept(door.tls), worker.loop().now() + worker.snapshot().bounds.head_timeout);
}

Connection::~Connection() {
  worker_.counters().connections_open.subtract();
}

void Connection::begin(std::unique_ptr<Connection> self) {
  if (self->speaks_ != Speaks::http1 || self->stream_.is_watched()) return rest(std::move(self));
  self->worker_.loop().spawn_soon(serve(std::move(self)));
}

void Connection::rest(std::unique_ptr<Connection> self) {
  auto& it = *self.release();
  const auto idle_until = it.worker_.loop().now() + it.worker_.snapshot().bounds.idle_timeout;
  it.stream_.rest(it, it.h2_ ? it.h2_->idle_until() : idle_until);
}

void Connection::stirred(base::Result<void> result) {
  std::unique_ptr<Connection> self(this);
  if (!result && !h2_) speaks_ = Speaks::nothing;
  worker_.loop().spawn_soon(serve(std::move(self)));
}

net::Task<> Connection::serve(std::unique_ptr<Connection> self) {
  auto& it = *self;
  if (it.has_not_begun()) {
    rest(std::move(self));
    co_return;
  }
  if (it.speaks_ == Speaks::unknown) it.speaks_ = co_await it.first_words();
  if (it.speaks_ == Speaks::http2) {
    const bool rests = co_await it.run_h2();
    if (rests) co_return rest(std::move(self));
  }
  // What has come, to the next silence or the end of the connection.
  for (bool keep = it.speaks_ == Speaks::http1; keep;) {
    if (!it.space_) it.space_ = it.worker_.workspaces().take();
    keep = co_await it.read_head();
    if (!keep) break;
    it.served_ = true;
    {
      H1Client channel(it.client_, *it.space_, it.stream_);
      Exchange exchange(it.worker_, channel);
      it.exchange_ = &exchange;
      co_await exchange.run();
      keep = exchange.finish();
      it.exchange_ = nullptr;
      it.broken_ = channel.broken();
      it.linger_ = channel.has_unread_body();
    }
    if (!keep || it.request_follows()) continue;
    if (it.worker_.stopping()) break;
    rest(std::move(self));
    co_return;
  }
  co_await it.close();
}

// A client that has connected has mostly sent its first request, too.
bool Connection::has_not_begun() {
  if (stream_.is_watched()) return false;
  space_ = worker_.workspaces().take();
  auto reading = stream_.read_some(space_->client.room(), base::SteadyTime::max());
  if (!reading.await_ready()) {
    space_.reset();
    return true;
  }
  const auto got = reading.await_resume();
  if (got) space_->client.commit(*got);
  return false;
}

// To the next silence, or the end of the connection: false.
net::Task<bool> Connection::run_h2() {
  served_ = true;
  if (!h2_) h2_ = std::make_unique<H2Connection>(worker_, stream_, client_);
  const std::string first(space_ ? space_->client.view() : std::string_view{});
  space_.reset();
  bool rests = co_await h2_->run(first);
  while (rests && stream_.would_read()) rests = co_await h2_->run({});
  if (!rests) h2_.reset();
  co_return rests;
}

// Most listeners need not ask. What was read to tell stays in the workspace.
net::Task<Connection::Speaks> Connection::first_words() {
  if (stream_.is_secure()) {
    co_return stream_.tls().protocol == "h2" ? Speaks::http2 : Speaks::http1;
  }
  space_ = worker_.workspaces().take();
  auto& input = space_->client;
  const auto deadline = worker_.loop().now() + worker_.snapshot().bounds.head_timeout;
  while (input.view().size() < h2_preface.size() && h2_preface.starts_with(input.view())) {
    hearing_ = true;
    const auto got = co_await stream_.read_some(input.room(), deadline);
    hearing_ = false;
    if (!got || *got == 0) co_return Speaks::nothing;
    input.commit(*got);
  }
  co_return input.view().starts_with(h2_preface) ? Speaks::http2 : Speaks::http1;
}

// Something of it is here. Without a request there is no workspace: a connection that rests holds no buffers.
bool Connection::request_follows() {
  space_->client.restart();
  if (!space_->client.empty()) return true;
  space_.reset();
  return !worker_.stopping() && stream_.would_read();
}

http::HeadLimits Connection::head_limits() const {
  auto limits = worker_.snapshot().bounds.head;
  limits.head_bytes_max = std::min(limits.head_bytes_max, head_bytes_cap);
  return limits;
}

// Nearly always one read brings all of it, and nothing waits.
net::Task<bool> Connection::read_head() {
  auto& input = space_->client;
  if (input.empty()) {
    auto reading = stream_.read_some(input.room(), base::SteadyTime::max());
    if (!reading.await_ready()) return read_head_later();
    const auto got = reading.await_resume();
    if (!got || *got == 0) return false;
    input.commit(*got);
  }
  const auto head_bytes = http::take_request(input.view(), head_limits(), space_->request);
  if (head_bytes == 0) return read_head_later();
  input.consume(head_bytes);
  input.keep_consumed();
  return true;
}

net::Task<bool> Connection::parse_head(const http::HeadScanner::Scan& scan, const http::HeadLimits& limits) {
  auto& input = space_->client;
  const auto head = input.view().substr(scan.begin, scan.end - scan.begin);
  const auto refusal = http::parse_request(head, limits, space_->request);
  input.consume(scan.end);
  input.keep_consumed();
  if (!refusal) return true;
  return refuse_head(*refusal);
}

net::Task<bool> Connection::refuse_head(http::Refusal refusal) {
  co_await refuse(refusal);
  co_return false;
}

// From the beginning, whatever of it is here.
net::Task<bool> Connection::read_head_later() {
  const auto limits = head_limits();
  const auto deadline = worker_.loop().now() + worker_.snapshot().bounds.head_timeout;
  auto& input = space_->client;
  http::HeadScanner scanner(http::HeadScanner::Side::request, limits);
  for (;;) {
    const auto scan = scanner.scan(input.view());
    if (scan.state == http::HeadScanner::State::refused) {
      space_->request = {};
      http::parse_request(input.view(), limits, space_->request);
      co_await refuse(scan.refusal);
      co_return false;
    }
    if (scan.state == http::HeadScanner::State::complete) {
      const bool good = co_await parse_head(scan, limits);
      co_return good;
    }
    hearing_ = true;
    const auto got = co_await stream_.read_some(input.room(), deadline);
    hearing_ = false;
    if (got && *got > 0) {
      input.commit(*got);
      continue;
    }
    const bool late = !got && got.error().reason == base::Reason::timed_out;
    if (late && scanner.started()) {
      space_->request = {};
      co_await refuse({.status = 408, .rule = "head_timeout"});
    }
    co_return false;
  }
}

net::Task<> Connection::refuse(http::Refusal refusal) {
  linger_ = true;
  H1Client channel(client_, *space_, stream_);
  co_await answer_refused_head(worker_, channel, refusal);
}

net::Task<> Connection::close() {
  if (stream_.met_plain_http()) {
    worker_.counters().head_refused(base::Reason::malformed);
    ask_for_https(stream_.release());
    co_return;
  }
  if (broken_ || stream_.cancelled()) co_return;
  const bool unread = linger_ || (space_ && !space_->client.empty()) || has_more();
  if (!unread && !stream_.is_secure()) co_return;  // to close is to say it
  const auto said = co_await stream_.finish(worker_.snapshot().bounds.body_timeout);
  if (!unread || !said) co_return;
  if (!space_) space_ = worker_.workspaces().take();
  space_->client.restart_empty();
  const auto deadline = worker_.loop().now() + linger_time;
  const auto before = stream_.bytes_read();
  while (stream_.bytes_read() - before < linger_bytes_max) {
    const auto got = co_await stream_.read_some(space_->client.room(), deadline);
    if (!got || *got == 0) co_return;
  }
}

// What has come since this turn began might as well come after we looked.
bool Connection::has_more() {
  return !stream_.was_quiet() && stream_.has_input();
}

void Connection::begin_shutdown(base::SteadyTime tunnels_go_at) {
  if (h2_ != nullptr) return h2_->begin_shutdown(tunnels_go_at);
  if (exchange_ != nullptr) exchange_->told_to_go(tunnels_go_at);
  if (past_its_first_moment()) close_if_idle();
}

// The preface of HTTP/2 is no request: its client may wait for our SETTINGS before the first one.
bool Connection::past_its_first_moment() const {
  const bool asked = h2_ != nullptr ? h2_->was_asked() : served_;
  return asked || stream_.loop().now() >= came_ + first_moment;
}

// A request that has arrived is served, also if nobody has looked at it yet: to close now would reset it. With TLS
// the end is said (RFC 9112 section 9.8).
bool Connection::close_if_idle() {
  if (h2_ != nullptr) return h2_->close_if_idle();
  if (space_ || stream_.cancelled() || stream_.has_input()) return false;
  if (stream_.is_secure()) stream_.shutdown_send();
  stream_.cancel(base::Reason::cancelled);
  return true;
}

void Connection::end_unfinished_head() {
  if (hearing_) stream_.cancel(base::Reason::cancelled);
}

// A request that is cut before its answer has begun is answered all the same (Exchange::answer_failure says why).
void Connection::end() {
  if (h2_ != nullptr) return h2_->end();
  if (exchange_ == nullptr || ending_) return stream_.cancel(base::Reason::cancelled);
  ending_ = true;
  exchange_->cut();
}

}  // namespace drawbridge::serve
