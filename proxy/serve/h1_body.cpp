#include "proxy/serve/h1_body.h"

namespace drawbridge::serve {

net::Task<base::Result<void>> H1Body::more(base::SteadyTime deadline) {
  // No buffer is held while nothing is there to be put into it.
  input_.rest();
  const auto readable = co_await stream_.readable(deadline);
  if (!readable) co_return std::unexpected(readable.error());
  const auto room = input_.room(bulk_);
  const auto got = co_await stream_.read_some(room, deadline);
  if (!got) co_return std::unexpected(got.error());
  bulk_ = *got == room.size();
  if (*got == 0 && source_->stream_ended() == IncomingBody::State::failed) {
    co_return std::unexpected(source_->failure());
  }
  input_.commit(*got);
  co_return base::Result<void>{};
}

net::Task<base::Result<std::size_t>> H1Body::take_into(const net::Pipe& pipe, std::size_t bytes_max,
                                                       base::SteadyTime deadline) {
  input_.rest();
  const auto got = co_await stream_.read_into(pipe, bytes_max, deadline);
  if (got && *got == 0 && source_->stream_ended() == IncomingBody::State::failed) {
    co_return std::unexpected(source_->failure());
  }
  if (got) source_->passed(*got);
  co_return got;
}

}  // namespace drawbridge::serve
