#include "proxy/serve/greeting.h"

#include <algorithm>
#include <string>

namespace drawbridge::serve {

using base::Failure;
using base::Fault;
using base::Reason;
using State = http::ProxyHeader::State;

// What is there is looked at first: how much of it may be taken is known only then.
net::Task<base::Result<std::optional<http::ProxyParties>>> hear_greeting(net::Stream& stream,
                                                                         base::SteadyTime deadline) {
  std::string bytes(http::proxy_v2_bytes_max, '\0');
  std::size_t taken = 0;
  for (;;) {
    const auto readable = co_await stream.readable(deadline);
    if (!readable) co_return std::unexpected(readable.error());
    const auto there = stream.peek(std::span(bytes).subspan(taken));
    const auto header = http::read_proxy_header(std::string_view(bytes).substr(0, taken + there));
    if (header.state == State::refused) {
      co_return std::unexpected(Failure{.fault = Fault::client, .reason = Reason::malformed});
    }
    const bool complete = header.state == State::complete;
    // Nothing there after all, or the end: the read waits, or tells.
    const auto wanted = complete ? header.bytes - taken : std::max<std::size_t>(there, 1);
    const auto got = co_await stream.read_some(std::span(bytes).subspan(taken, wanted), deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return std::unexpected(Failure{.fault = Fault::client, .reason = Reason::closed});
    taken += *got;
    // Also by a byte that came while nothing was there to be looked at.
    const auto heard = http::read_proxy_header(std::string_view(bytes).substr(0, taken));
    if (heard.state == State::complete) co_return heard.parties;
  }
}

}  // namespace drawbridge::serve
