#include "pages/reply.h"
#include "proxy/core/answer.h"
#include "proxy/serve/forward.h"
#include "proxy/serve/relay.h"
#include "proxy/serve/tunnel.h"
#include "proxy/serve/worker.h"

#include <span>
#include <string>
#include <vector>

namespace drawbridge::serve {

using base::Failure;
using base::Fault;
using base::Reason;
using base::Result;

namespace {

constexpr Failure malformed{.fault = Fault::upstream, .reason = Reason::malformed};

}  // namespace

net::Task<Result<void>> Forward::receive_response() {
  for (std::size_t interim = 0; interim <= base::limits::interim_responses_max;) {
    const auto head = co_await upstream_->read_head(head_limits(), head_deadline());
    const auto now = call_.worker.loop().now();
    if (!head && head.error().reason == Reason::timed_out && now < head_deadline()) continue;
    if (!head) co_return head;
    call_.record.upstream_first_byte = std::chrono::duration_cast<obs::Micros>(now - sent_at_);
    if (!call_.space().response.interim()) {
      const auto relayed = co_await relay_response();
      if (!call_.space().response.switching && call_.head_sent) end_response(relayed);
      co_return relayed;
    }
    const auto passed = co_await pass_interim();
    if (!passed) co_return passed;
    ++interim;
  }
  co_return std::unexpected(malformed);
}

http::HeadLimits Forward::head_limits() const {
  return {.head_bytes_max = bounds_.response_head_bytes_max,
          .line_bytes_max = bounds_.head.line_bytes_max,
          .headers_max = http::header_capacity};
}

// While the request is still being sent, the relay that sends it has the deadlines.
base::SteadyTime Forward::head_deadline() const {
  const bool sending = upload_ && !upload_->done();
  return (sending ? call_.worker.loop().now() : waiting_since_) + pool_.timing.head;
}

// Interim responses are passed on at once.
net::Task<Result<void>> Forward::pass_interim() {
  waiting_since_ = call_.worker.loop().now();
  return call_.channel.interim(call_.space().response, bounds_.body_timeout);
}

bool Forward::start_response() {
  const auto& site = *call_.plan.site;
  const auto& response = call_.space().response;
  const bool secure = call_.client.scheme == "https";
  const auto& set = secure ? site.forward.secure_response_set : site.forward.response_set;
  http::ResponseSpec spec{.keep_alive = call_.keep,
                          .date = call_.worker.http_date(),
                          .request_id = call_.request_id,
                          .not_processed = pool_.drawbridge && !call_.sent_upstream(),
                          .edits = {.set = set, .remove = site.forward.response_remove}};
  std::vector<http::FieldSetting> notice;
  if (call_.plan.notice) {
    notice = set;
    notice.push_back({"Cache-Control", "no-store"});
    const auto seconds = pages::retry_after_seconds(*site.answers, call_.worker.wall_now());
    if (!response.headers.has(http::Field::retry_after)) notice.push_back({"Retry-After", std::to_string(seconds)});
    spec.edits.set = notice;
  }
  const bool started = call_.channel.start(response, spec);
  call_.keep = spec.keep_alive;
  return started;
}

net::Task<Result<void>> Forward::relay_response() {
  // An answer that did not wait for the body: what is left of it will not be read, so the connection ends after it,
  // and the client must know before it sends another request.
  const bool early = upload_ && (!upload_->done() || upload_failure_);
  call_.keep = call_.keep && !call_.worker.stopping() && !early;
  if (!start_response()) return std::unexpected(malformed);
  call_.head_sent = true;
  call_.record.status = call_.space().response.status;
  if (call_.space().response.switching) return run_tunnel();
  return relay_body({.loop = call_.worker.loop(),
                     .from = *upstream_,
                     .read_patience = pool_.timing.body,
                     .to = call_.channel,
                     .write_patience = bounds_.body_timeout,
                     .write_rate_min = bounds_.answer_rate_min,
                     .pipes = call_.worker.pipes()});
}

net::Task<Result<void>> Forward::run_tunnel() {
  upstream_->become_tunnel();
  Tunnel tunnel(call_, *upstream_);
  tunnel_ = &tunnel;
  if (go_at_) tunnel.go(*go_at_);
  co_await tunnel.run();
  tunnel_ = nullptr;
  co_return Result<void>{};
}

// Nobody takes any more of the answer: whether all of it had come.
bool Forward::rest_is_here() {
  std::span<const char> piece;
  auto state = IncomingBody::State::data;
  while (state == IncomingBody::State::data) state = upstream_->take(piece);
  return state == IncomingBody::State::ended;
}

void Forward::end_response(const Result<void>& relayed) {
  call_.record.response_bytes = upstream_->bytes();
  if (!relayed) {
    call_.answer_ended = rest_is_here();
    call_.keep = false;
    const bool by_client = relayed.error().fault == Fault::client;
    call_.channel.fail_answer(call_.cut    ? Broken::cut
                              : call_.late ? Broken::deadline
                              : by_client  ? Broken::client
                                           : Broken::upstream);
    if (by_client) call_.worker.counters().client_aborts.add();
    return;
  }
  if (upstream_->strayed()) call_.worker.servers().strayed(lease_.server());
  const bool sent = !upload_ || (upload_->done() && !upload_failure_);
  if (!sent || !upstream_->reusable()) return;
  close_channel();
  lease_.keep(pool_);
}

}  // namespace drawbridge::serve
