#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/time.h"
#include "proxy/net/task.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drawbridge::net {
class Pipe;
}

namespace drawbridge::serve {

// The body of a message that one side sends us, whatever protocol it speaks. Read by pieces: nothing more is asked
// of the sender than what its reader has room for, which is the back-pressure.
class IncomingBody {
 public:
  enum class State : std::uint8_t { data, need_more, ended, failed };

  // The next piece of what is here, valid until more() is called; sets `piece` with State::data only.
  virtual State take(std::span<const char>& piece) = 0;

  // Waits until there is more to take, or the body has ended. Fails with the failure of the side that sends it;
  // after timed_out, which comes at `deadline` and by interruption, it may be called again.
  virtual net::Task<base::Result<void>> more(base::SteadyTime deadline) = 0;

  // How many bytes are still to come, where they come as they are and nothing of them is here: then they can be
  // taken through a pipe, unseen and without a copy. 0: they cannot.
  virtual std::uint64_t bare_bytes() const { return 0; }
  // Like more(): up to so many of them, taken. How many.
  virtual net::Task<base::Result<std::size_t>> take_into(const net::Pipe& pipe, std::size_t bytes_max,
                                                         base::SteadyTime deadline);

  virtual bool ended() const = 0;
  virtual std::uint64_t bytes() const = 0;  // of the body, taken so far
  // Once ended: field lines that may be passed on, each with its CRLF.
  virtual std::string_view trailers() const = 0;
  virtual base::Failure failure() const = 0;  // of State::failed

 protected:
  ~IncomingBody() = default;
};

inline net::Task<base::Result<std::size_t>> IncomingBody::take_into(const net::Pipe&, std::size_t,
                                                                    base::SteadyTime) {
  return base::Result<std::size_t>(0);
}

}  // namespace drawbridge::serve
