#include "proxy/net/pipe.h"

#include <array>
#include <fcntl.h>
#include <unistd.h>

namespace drawbridge::net {

Pipe::~Pipe() {
  if (pipes_ == nullptr) return;
  --pipes_->open_;
  pipes_->open_of_all_.fetch_sub(1, std::memory_order_relaxed);
}

std::optional<Pipe> Pipes::open() {
  std::array<int, 2> ends{};
  if (forbidden_ || open_ >= open_max_.load(std::memory_order_relaxed)) return std::nullopt;
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  ++open_;
  open_of_all_.fetch_add(1, std::memory_order_relaxed);
  Pipe pipe(*this, ends[0], ends[1]);
  // A sandbox may know no splice(): a move of nothing tells, while nothing is lost.
  forbidden_ = ::splice(pipe.out(), nullptr, pipe.in(), nullptr, 0, SPLICE_F_NONBLOCK) != 0;
  if (forbidden_) return std::nullopt;
  return pipe;
}

}  // namespace drawbridge::net
