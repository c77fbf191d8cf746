#include "proxy/net/pipe.h"

#include "proxy/base/limits.h"

#include <array>
#include <fcntl.h>
#include <unistd.h>

namespace drawbridge::net {

Pipe::~Pipe() {
  if (pipes_ != nullptr) --pipes_->open_;
}

std::optional<Pipe> Pipes::open() {
  std::array<int, 2> ends{};
  if (open_ == base::limits::pipes_max || ::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  ++open_;
  return Pipe(*this, ends[0], ends[1]);
}

}  // namespace drawbridge::net
