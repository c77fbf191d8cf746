#include "proxy/serve/forward.h"

#include "proxy/core/readings.h"
#include "proxy/core/retry.h"
#include "proxy/http/websocket.h"
#include "proxy/serve/introduction.h"
#include "proxy/serve/relay.h"
#include "proxy/serve/tunnel.h"
#include "proxy/serve/worker.h"

#include <algorithm>
#include <string>

namespace drawbridge::serve {

using base::Failure;
using base::Fault;
using base::Reason;
using base::Result;

namespace {

constexpr Failure cancelled{.fault = Fault::upstream, .reason = Reason::cancelled};

// A server that leaves out what came after its goodbye, or says what it does not do, is well.
bool is_no_failing(const Failure& failure) {
  const bool left_out = failure.retry_safe && failure.reason == Reason::closed;
  return left_out || failure.reason == Reason::unsupported;
}

}  // namespace

Forward::Forward(Call& call)
    : call_(call),
      pool_(*call.plan.pool),
      bounds_(call.worker.snapshot().bounds),
      deadline_(call.worker.loop().wheel(), *this) {
  if (const auto until = call.client_deadline(); until != base::SteadyTime::max()) deadline_.arm(until);
}

Forward::~Forward() = default;

net::Task<Result<void>> Forward::run() {
  const bool replayable = call_.channel.body_is_here();
  call_.channel.limit_body(bounds_.request_body_bytes_max);
  wish_.certain = call_.plan.request_class != core::RequestClass::read;
  if (pool_.send_proxy != http::ProxyVersion::none) wish_.greeting = introduction(pool_, call_);
  std::optional<Failure> first_failure;
  for (;;) {
    call_.channel.on_reset(this);
    auto leased = co_await call_.worker.servers().lease(pool_, tried_, wish_, lease_);
    if (leased) note_server(*leased);
    if (!leased || tried_.given_up()) {
      call_.channel.on_reset(nullptr);
      if (client_gone_) co_return std::unexpected(*client_gone_);
      // Nobody left to ask again: what the first attempt met is the truth about this request.
      if (!leased) co_return std::unexpected(first_failure.value_or(leased.error()));
      co_return std::unexpected(Failure{.fault = Fault::proxy, .reason = Reason::cancelled});
    }

    begin_attempt();
    const auto sent = co_await send_request();
    auto result = sent;
    // A server that stopped reading may have answered before: its answer counts, and only without one our failure.
    if (sent || sent.error().fault == Fault::upstream) result = co_await receive_response();
    if (!result && !sent) result = sent;
    call_.channel.on_reset(nullptr);
    if (upload_) co_await stop_upload();
    end_attempt(result);
    if (result) co_return result;
    if (!replayable || !may_retry(result.error())) {
      let_go();
      co_return result;
    }
    first_failure = result.error();
    begin_anew(result.error());
  }
}

void Forward::note_server(const upstream::Servers::Chosen& chosen) {
  place_ = chosen.place;
  const auto& server = pool_.servers[place_];
  call_.record.pool = pool_.name;
  call_.record.server = server.address;
  call_.record.server_id = server.id;
  if (chosen.connect.count() >= 0) call_.record.upstream_connect = chosen.connect;
}

void Forward::begin_anew(const Failure& failure) {
  if (asks_elsewhere(failure)) tried_.add(place_);
  wish_.fresh = true;
  let_go();
  call_.channel.rewind();
  ++call_.record.retries;
}

UpstreamChannel& Forward::open_channel() {
  if (lease_.carrier() != nullptr) return h2_.emplace(call_.space(), lease_, bounds_.response_head_bytes_max);
  return h1_.emplace(call_.space(), lease_.stream());
}

// Before its lease, which it looks at.
void Forward::close_channel() {
  upstream_ = nullptr;
  h1_.reset();
  h2_.reset();
}

void Forward::let_go() {
  close_channel();
  lease_.reset();
}

void Forward::begin_attempt() {
  note_write();
  upstream_ = &open_channel();
  upload_failure_.reset();
  upload_stopped_ = false;
  // Nobody waits for what a client asked that has gone. A write goes on: while a server works on it, it has not
  // ended, and a drain that waits for it must not be told so.
  if (call_.plan.request_class != core::RequestClass::read) call_.channel.on_reset(nullptr);
}

void Forward::end_attempt(Result<void>& result) {
  call_.record.request_bytes = call_.channel.bytes();
  if (!result && upload_failure_ && upload_failure_->fault == Fault::client)
    result = std::unexpected(*upload_failure_);
  note_result(result);
}

// Nothing is sent for a client that leaves before, not even a write.
void Forward::was_reset(Failure failure) {
  if (upstream_ != nullptr) return upstream_->cancel(failure);
  client_gone_ = failure;
  tried_.give_up();
}

bool Forward::may_retry(const Failure& failure) {
  const core::RetryFacts facts{.failure = failure,
                               .method = call_.request().method_text,
                               .attempts = call_.record.retries + 1,
                               .connection_reused = lease_.reused(),
                               .request_bytes_sent = upstream_->request_seen(),
                               .response_bytes_seen = upstream_->answer_seen(),
                               .cut = call_.cut || call_.late || call_.worker.stopping(),
                               .request_class = call_.plan.request_class};
  return core::may_retry(facts);
}

// A server that did not take the request, and says so, may take it now if there is no other.
bool Forward::asks_elsewhere(const Failure& failure) const {
  if (failure.retry_safe) return call_.worker.servers().others_can_answer(pool_, place_, tried_);
  return !lease_.reused();
}

void Forward::note_write() {
  if (call_.plan.request_class == core::RequestClass::read || call_.write_sent) return;
  call_.write_sent = true;
  auto& counters = call_.worker.counters();
  counters.write_sent(call_.plan.site->id, call_.worker.loop().now());
  if (call_.plan.slice != nullptr) counters.entered_slice(call_.plan.slice->id, call_.plan.request_class);
}

void Forward::note_sent() {
  const auto server = call_.record.server;
  if (call_.sent_to == server) return;
  if (!call_.sent_to.empty()) call_.sent_to += ", ";
  call_.sent_to += server;
}

void Forward::note_result(const Result<void>& result) {
  auto& servers = call_.worker.servers();
  if (result) {
    servers.board().report_success(lease_.server(), lease_.slot());
    return;
  }
  if (upstream_->request_seen()) note_sent();
  if (result.error().fault != Fault::upstream || call_.cut) return;
  if (is_no_failing(result.error())) return;
  call_.worker.counters().exchange_failed(lease_.server());
  servers.board().report_broken(lease_.server(), lease_.slot(), result.error().reason, call_.worker.loop().now());
  // A server that takes connections but breaks answers is passed over only while another can answer: a visitor who
  // finds an address that makes the last one break must not take the site away from all.
  if (!lease_.reused() && servers.others_can_answer(pool_, place_)) {
    servers.board().report_failure(lease_.server(), lease_.slot(), result.error().reason,
                                   call_.worker.loop().now());
  }
}

bool Forward::cut() {
  if (tunnel_ != nullptr && tunnel_->cut()) return true;
  tried_.give_up();
  if (upstream_ != nullptr) upstream_->cancel(cancelled);
  call_.channel.interrupt();
  return false;
}

bool Forward::is_at(core::ServerId server) const {
  return lease_ ? lease_.server() == server : tried_.asked() == server;
}

bool Forward::untouched() const {
  return (upstream_ == nullptr || !upstream_->request_seen()) && !call_.sent_upstream();
}

// Nobody waits for this call any more.
void Forward::deadline_passed(net::Deadline&) {
  call_.late = true;
  tried_.give_up();
  if (upstream_ != nullptr) upstream_->cancel({.fault = Fault::proxy, .reason = Reason::cancelled});
  call_.channel.interrupt();
}

void Forward::told_to_go(base::SteadyTime at) {
  go_at_ = at;
  if (tunnel_ != nullptr) tunnel_->go(at);
}

std::string_view Forward::upstream_path(std::string& storage) const {
  const auto& plan = call_.plan;
  if (!plan.site->forward.strip_prefix || plan.prefix_bytes <= 1) return {};
  storage = core::normal_form(call_.request().path).substr(plan.prefix_bytes);
  if (!storage.starts_with('/')) storage.insert(0, 1, '/');
  return storage;
}

Result<void> Forward::start_request() {
  const auto& policy = call_.plan.site->forward;
  const auto& address = pool_.servers[place_].address;
  std::string path;
  const auto timeout_left = call_.grpc_timeout_left(call_.worker.loop().now());
  http::ForwardSpec spec{.client_address = call_.channel.client().address_text,
                         .scheme = call_.client.scheme,
                         .client_trusted = call_.client.trusted,
                         .client_certificate_subject = call_.channel.client().certificate_subject(),
                         .request_id = call_.request_id,
                         .host = {},
                         .fallback_host = address,
                         .path = upstream_path(path),
                         .tunnel = call_.plan.request_class == core::RequestClass::tunnel,
                         .grpc_timeout = timeout_left,
                         .edits = {.set = policy.request_set, .remove = policy.request_remove}};
  // A WebSocket over HTTP/2 comes without a key (RFC 8441 section 5), and over HTTP/1.1 there is none without.
  http::WebSocketKey key;
  if (spec.tunnel && call_.request().extended_connect) {
    auto& ids = call_.worker.ids();
    key = http::make_websocket_key(ids.next_bits(), ids.next_bits());
    spec.websocket_key = key.view();
  }
  if (policy.host == core::ForwardPolicy::Host::upstream) spec.host = address;
  if (policy.host == core::ForwardPolicy::Host::fixed) spec.host = policy.fixed_host;
  return upstream_->start(call_.request(), spec);
}

// A body that is in the buffer already goes out with the head, in one write. Any other is sent beside the receiving
// of the response: the server may answer before it has read all.
net::Task<Result<void>> Forward::send_request() {
  if (const auto started = start_request(); !started) return started;
  sent_at_ = waiting_since_ = call_.worker.loop().now();
  if (call_.channel.body_is_here()) return upload();
  upload_.emplace(upload_beside());
  return Result<void>{};
}

// A call of gRPC may be quiet both ways, as long as its pool allows; any client may be once it is being answered.
net::Task<Result<void>> Forward::upload() {
  if (call_.request().body.kind == http::Body::Kind::none)
    return upstream_->write({.end = true}, pool_.timing.body);
  const bool may_be_quiet = http::is_grpc(call_.request().headers.value(http::Field::content_type));
  return relay_body(
      {.loop = call_.worker.loop(),
       .from = call_.channel,
       .read_patience = may_be_quiet ? std::max(bounds_.body_timeout, pool_.timing.body) : bounds_.body_timeout,
       .read_rate_min = may_be_quiet ? 0 : bounds_.body_rate_min,
       .to = *upstream_,
       .write_patience = pool_.timing.body,
       .answered = &call_.head_sent,
       .pipes = call_.worker.pipes()});
}

// The client's failure ends the exchange; the server's does not: it may have answered already. What we ended
// ourselves is nobody's failure.
net::Task<Result<void>> Forward::upload_beside() {
  const auto sent = co_await upload();
  sent_at_ = waiting_since_ = call_.worker.loop().now();
  if (!sent && !upload_stopped_ && !call_.cut) {
    upload_failure_ = sent.error();
    if (sent.error().fault == Fault::client) upstream_->cancel(cancelled);
  }
  co_return sent;
}

net::Task<> Forward::stop_upload() {
  if (!upload_->done()) {
    upload_stopped_ = true;
    upstream_->cancel(cancelled);
    call_.channel.interrupt();
  }
  const auto sent = co_await upload_->join();
  upload_.reset();
  if (!sent) call_.keep = false;
}

}  // namespace drawbridge::serve
