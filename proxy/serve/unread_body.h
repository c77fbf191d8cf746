#pragma once

#include "proxy/net/task.h"
#include "proxy/serve/body_source.h"
#include "proxy/serve/call.h"

#include <cstdint>

namespace drawbridge::serve {

// The body of a request that nobody will read. A small one is taken, so that the connection can be used again; for
// any other the connection closes after the answer (DESIGN: bodies are not read beyond a small limit).
class UnreadBody {
 public:
  static constexpr std::uint64_t discard_bytes_max = 64 * 1024;

  explicit UnreadBody(Call& call);

  // Whether it has ended or will within the limit. False: the answer must say that the connection closes.
  bool will_end_soon() const { return soon_; }

  // Takes what is left if it ends soon; otherwise leaves it to the closing of the connection.
  net::Task<> discard();

 private:
  BodySource::State take_all();

  Call& call_;
  BodySource source_;
  bool soon_;
};

}  // namespace drawbridge::serve
