#include "proxy/serve/h1_upstream.h"

#include <algorithm>

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

H1Upstream::H1Upstream(Workspace& space, net::Stream& stream)
    : space_(space),
      stream_(stream),
      written_before_(stream.bytes_written()),
      read_before_(stream.bytes_read()),
      body_(stream, space.upstream),
      writer_(stream, space.request_out) {
  space_.upstream.restart_empty();
}

Result<void> H1Upstream::start(const http::RequestHead& head, const http::ForwardSpec& spec) {
  http::HeadWriter text(space_.request_out.span());
  http::write_upstream_request(text, head, spec);
  asked_ = {.method = head.method, .upgrade = spec.tunnel ? head.upgrade : std::string_view{}};
  if (!spec.websocket_key.empty()) accept_ = http::make_websocket_accept(spec.websocket_key);
  writer_.begin(text.view(), head.body.kind);
  if (text.overflow()) return std::unexpected(Failure{.fault = Fault::client, .reason = Reason::too_large});
  return {};
}

// Who switches without having understood the key is no server of WebSockets (RFC 6455 section 4.1).
bool H1Upstream::accepted(const http::ResponseHead& response) const {
  if (!response.switching || !accept_) return true;
  return response.headers.value(http::Field::sec_websocket_accept) == accept_->view();
}

Result<void> H1Upstream::begin_body(std::size_t head_bytes) {
  const auto& response = space_.response;
  space_.upstream.consume(head_bytes);
  if (!accepted(response)) return std::unexpected(malformed());
  if (!response.interim()) body_.begin(response.body, Fault::upstream, 0);
  return {};
}

net::Task<Result<void>> H1Upstream::read_head(const http::HeadLimits& limits, base::SteadyTime deadline) {
  auto& input = space_.upstream;
  http::HeadLimits mine = limits;
  mine.head_bytes_max = std::min(mine.head_bytes_max, response_head_cap);
  std::optional<http::HeadScanner> scanner;  // of a head that comes in parts, or is refused
  for (;;) {
    if (!input.empty() && !scanner) {
      const auto head_bytes = http::take_response(input.view(), asked_, mine, space_.response);
      if (head_bytes != 0) co_return begin_body(head_bytes);
      scanner.emplace(http::HeadScanner::Side::response, mine);
    }
    const auto scan = scanner ? scanner->scan(input.view()) : http::HeadScanner::Scan{};
    if (scan.state == http::HeadScanner::State::refused) co_return std::unexpected(malformed());
    if (scan.state == http::HeadScanner::State::complete) {
      const auto text = input.view().substr(scan.begin, scan.end - scan.begin);
      if (http::parse_response(text, asked_, mine, space_.response)) co_return std::unexpected(malformed());
      co_return begin_body(scan.end);
    }
    input.rest();
    const auto readable = co_await stream_.readable(deadline);
    if (!readable) co_return std::unexpected(readable.error());
    const auto got = co_await stream_.read_some(input.room(), deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return std::unexpected(Failure{.fault = Fault::upstream, .reason = Reason::closed});
    input.commit(*got);
  }
}

void H1Upstream::become_tunnel() {
  writer_.become_tunnel();
  body_.begin({.kind = http::Body::Kind::until_close}, Fault::upstream, 0);
}

bool H1Upstream::reusable() const {
  return space_.response.keep_alive && space_.upstream.empty() && body_.begun() && body_.ended();
}

bool H1Upstream::strayed() const {
  return space_.response.keep_alive && !space_.upstream.empty() && body_.begun() && body_.ended();
}

}  // namespace drawbridge::serve
