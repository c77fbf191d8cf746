#pragma once

#include "proxy/http/h2_session.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace drawbridge::http {

// A server's memory of streams that are over, so that DATA and HEADERS for one of them get the reaction that RFC
// 9113 section 5.1 wants, and no client is blamed for what crossed our RST_STREAM. Bounded: about streams that were
// reset too long ago nothing is known, and nothing is said.
class H2Strays {
 public:
  enum class Kind : std::uint8_t {
    unopened,  // may still be opened
    skipped,   // a higher stream was opened instead: protocol error (section 5.1.1)
    late,      // we have reset it: ignored
    reset,     // the client has reset it: stream error
    closed,    // both sides had ended it: connection error
  };

  void opened(H2StreamId stream);
  void reset(H2StreamId stream, bool by_us);
  Kind judge(H2StreamId stream) const;

 private:
  struct Reset {
    H2StreamId stream = 0;
    bool by_us = false;
  };
  struct Gap {
    H2StreamId first = 0;
    H2StreamId last = 0;
  };

  using Resets = std::array<Reset, 64>;

  H2StreamId highest_ = 0;
  H2StreamId forgotten_ = 0;        // the highest that fell out of `resets_`
  std::unique_ptr<Resets> resets_;  // null: none; half of what a connection that rests would have here
  std::array<Gap, 4> gaps_{};
  std::size_t next_reset_ = 0;
  std::size_t next_gap_ = 0;
};

}  // namespace drawbridge::http
