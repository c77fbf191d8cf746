#include "pages/reply.h"
#include "proxy/core/answer.h"
#include "proxy/http/reader.h"
#include "proxy/serve/forward.h"
#include "proxy/serve/relay.h"
#include "proxy/serve/tunnel.h"
#include "proxy/serve/worker.h"

#include <array>
#include <string>
#include <vector>

namespace drawbridge::serve {

using base::Failure;
using base::Fault;
using base::Reason;
using base::Result;

namespace {

constexpr std::size_t response_head_cap = net::Buffer::size() - 4096;

Failure malformed() {
  return {.fault = Fault::upstream, .reason = Reason::malformed};
}

}  // namespace

net::Task<Result<void>> Forward::receive_response() {
  for (std::size_t interim = 0; interim <= base::limits::interim_responses_max; ++interim) {
    const auto head = co_await read_response_head();
    if (!head) co_return head;
    if (!call_.space().response.interim()) {
      const auto relayed = co_await relay_response();
      co_return relayed;
    }
    const auto passed = co_await pass_interim();
    if (!passed) co_return passed;
  }
  co_return std::unexpected(malformed());
}

// While the request is still being sent, the relay that sends it has the deadlines.
base::SteadyTime Forward::head_deadline() const {
  const bool sending = upload_ && !upload_->done();
  return (sending ? call_.worker.loop().now() : waiting_since_) + pool_.timing.head;
}

net::Task<Result<void>> Forward::read_response_head() {
  auto& stream = lease_.stream();
  auto& input = call_.space().upstream;
  auto& loop = call_.worker.loop();
  const http::HeadLimits limits{.head_bytes_max = std::min(bounds_.response_head_bytes_max, response_head_cap),
                                .line_bytes_max = bounds_.head.line_bytes_max,
                                .headers_max = http::header_capacity};
  http::HeadScanner scanner(http::HeadScanner::Side::response, limits);
  for (;;) {
    const auto scan = scanner.scan(input.view());
    if (scan.state == http::HeadScanner::State::refused) co_return std::unexpected(malformed());
    if (scan.state == http::HeadScanner::State::complete) {
      const auto& request = call_.request();
      const bool tunnel = call_.plan.request_class == core::RequestClass::tunnel;
      const http::Asked asked{.method = request.method, .upgrade = tunnel ? request.upgrade : std::string_view{}};
      const auto refusal = http::parse_response(input.view().substr(scan.begin, scan.end - scan.begin), asked,
                                                limits, call_.space().response);
      input.consume(scan.end);
      if (refusal) co_return std::unexpected(malformed());
      call_.record.upstream_first_byte = std::chrono::duration_cast<obs::Micros>(loop.now() - sent_at_);
      co_return Result<void>{};
    }
    const auto got = co_await stream.read_some(input.room(), head_deadline());
    if (got && *got > 0) {
      input.commit(*got);
      continue;
    }
    if (got) co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::closed});
    const bool late = loop.now() >= head_deadline();
    if (got.error().reason != Reason::timed_out || late) co_return std::unexpected(got.error());
  }
}

// Interim responses are passed on at once; clients of HTTP/1.0 do not know them (RFC 9110 section 15.2).
net::Task<Result<void>> Forward::pass_interim() {
  waiting_since_ = call_.worker.loop().now();
  if (call_.request().minor_version == 0) co_return Result<void>{};
  std::array<char, 4096> room;
  http::HeadWriter writer(room);
  http::write_client_response(writer, call_.space().response, {.client_minor_version = 1, .body = {}});
  if (writer.overflow()) co_return Result<void>{};
  const std::array<std::string_view, 1> parts{writer.view()};
  const auto written = co_await call_.connection.stream().write(parts, bounds_.body_timeout);
  co_return written;
}

std::string_view Forward::write_response_head(const http::ResponseFraming& framing) {
  const auto& site = *call_.plan.site;
  auto& response = call_.space().response;
  http::ResponseSpec spec{.client_minor_version = call_.request().minor_version,
                          .body = framing.body,
                          .keep_alive = call_.keep,
                          .date = call_.worker.http_date(),
                          .request_id = call_.request_id,
                          .edits = {.set = site.forward.response_set, .remove = site.forward.response_remove}};
  std::vector<http::FieldSetting> notice;
  if (call_.plan.notice) {
    notice = site.forward.response_set;
    notice.push_back({"Cache-Control", "no-store"});
    const auto seconds = pages::retry_after_seconds(*site.answers, call_.worker.wall_now());
    if (!response.headers.has(http::Field::retry_after)) notice.push_back({"Retry-After", std::to_string(seconds)});
    spec.edits.set = notice;
  }
  http::HeadWriter writer(call_.space().response_out.span());
  http::write_client_response(writer, response, spec);
  return writer.overflow() ? std::string_view{} : writer.view();
}

net::Task<Result<void>> Forward::relay_response() {
  const auto& response = call_.space().response;
  const auto framing = http::frame_response(response, call_.request().minor_version);
  // An answer that did not wait for the body: what is left of it will not be read, so the connection ends after it,
  // and the client must know before it sends another request.
  const bool early = upload_ && (!upload_->done() || upload_failure_);
  call_.keep = call_.keep && !framing.must_close && !call_.worker.stopping() && !early;
  const auto head = write_response_head(framing);
  if (head.empty()) co_return std::unexpected(malformed());
  call_.head_sent = true;
  call_.record.status = response.status;
  auto& client = call_.connection.stream();
  if (response.switching) {
    call_.keep = false;
    Tunnel tunnel(call_, lease_.stream());
    tunnel_ = &tunnel;
    if (go_at_) tunnel.go(*go_at_);
    co_await tunnel.run(head);
    tunnel_ = nullptr;
    co_return Result<void>{};
  }
  BodySource source(response.body, Fault::upstream, 0);
  const auto relayed = co_await relay_body({.from = lease_.stream(),
                                            .input = call_.space().upstream,
                                            .source = source,
                                            .read_patience = pool_.timing.body,
                                            .to = client,
                                            .framing = framing.body.kind,
                                            .write_patience = bounds_.body_timeout},
                                           head);
  end_response(source, relayed, framing.must_close);
  co_return relayed;
}

void Forward::end_response(const BodySource& source, const Result<void>& relayed, bool until_close) {
  call_.record.response_bytes = source.bytes();
  if (!relayed) {
    call_.keep = false;
    // The end of the connection would be read as the end of the body.
    if (until_close || call_.cut) call_.connection.stream().abort();
    if (relayed.error().fault == Fault::client) {
      call_.connection.abandon();
      call_.worker.counters().client_aborts.add();
    }
    return;
  }
  const bool sent = !upload_ || (upload_->done() && !upload_failure_);
  if (sent && call_.space().response.keep_alive && call_.space().upstream.empty() && source.ended()) {
    lease_.keep(pool_);
  }
}

}  // namespace drawbridge::serve
