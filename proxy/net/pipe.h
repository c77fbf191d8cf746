#pragma once

#include "proxy/net/unique_fd.h"

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace drawbridge::net {

class Pipes;

// A pipe of the kernel: what is moved into it from one socket and out of it to another is not copied, nor seen.
// What is left in it at its end is gone.
class Pipe {
 public:
  ~Pipe();
  Pipe(Pipe&& other) noexcept
      : pipes_(std::exchange(other.pipes_, nullptr)), out_(std::move(other.out_)), in_(std::move(other.in_)) {}
  Pipe& operator=(Pipe&&) = delete;

  int out() const { return out_.get(); }
  int in() const { return in_.get(); }

 private:
  friend class Pipes;
  Pipe(Pipes& pipes, int out, int in) : pipes_(&pipes), out_(out), in_(in) {}

  Pipes* pipes_;
  UniqueFd out_, in_;
};

// Opens pipes, at most `open_max` at a time, which others may change, and counts them in `open_of_all`, beside
// those of other loops. One a loop; loop thread only; outlives its pipes.
class Pipes {
 public:
  Pipes(const std::atomic<std::size_t>& open_max, std::atomic<std::size_t>& open_of_all)
      : open_max_(open_max), open_of_all_(open_of_all) {}

  // None: enough are open, there is no descriptor or no room for one more, or the process may not move bytes this
  // way.
  std::optional<Pipe> open();

 private:
  friend class Pipe;
  const std::atomic<std::size_t>& open_max_;
  std::atomic<std::size_t>& open_of_all_;
  std::size_t open_ = 0;
  bool forbidden_ = false;
};

}  // namespace drawbridge::net
