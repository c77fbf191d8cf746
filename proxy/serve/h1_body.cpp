#include "proxy/serve/h1_body.h"

namespace drawbridge::serve {

net::Task<base::Result<void>> H1Body::more(base::SteadyTime deadline) {
  const auto got = co_await stream_.read_some(input_.room(), deadline);
  if (!got) co_return std::unexpected(got.error());
  if (*got == 0 && source_->stream_ended() == IncomingBody::State::failed) {
    co_return std::unexpected(source_->failure());
  }
  input_.commit(*got);
  co_return base::Result<void>{};
}

}  // namespace drawbridge::serve
