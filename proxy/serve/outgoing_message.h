#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/time.h"
#include "proxy/net/task.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace drawbridge::net {
class Pipe;
}

namespace drawbridge::serve {

// A message on its way to one side, whatever protocol that side speaks. Its head was given before, as values, and
// leaves together with what the first write() brings.
class OutgoingMessage {
 public:
  static constexpr std::size_t pieces_max = 5;

  struct Part {
    std::span<const std::string_view> pieces = {};  // of the body, at most pieces_max, none of them empty
    bool end = false;                               // the message ends with them
    std::string_view trailers = {};                 // at the end: field lines, each with its CRLF
  };

  // Writes head, if it has not left yet, and part, in one go; done when all of it was taken. `patience` bounds the
  // time without progress. Fails with the failure of the side it goes to.
  virtual net::Task<base::Result<void>> write(Part part, base::Millis patience) = 0;

  // write() looks at the pieces only while it is called: its task needs them no more.
  virtual bool takes_pieces_at_once() const { return false; }

  // Its body goes out as it is, now that its head has left: it can be written from a pipe.
  virtual bool takes_pipes() const { return false; }
  // Like write(), so many bytes that are in the pipe.
  virtual net::Task<base::Result<void>> write_from(const net::Pipe& pipe, std::size_t bytes, base::Millis patience);

  // Whoever writes from now on fails.
  virtual bool cancelled() const = 0;

 protected:
  ~OutgoingMessage() = default;
};

inline net::Task<base::Result<void>> OutgoingMessage::write_from(const net::Pipe&, std::size_t, base::Millis) {
  return base::Result<void>{};
}

}  // namespace drawbridge::serve
