#pragma once

#include "tests/h2/frames.h"
#include "tests/loop/raw_socket.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::tests {

// One side of a connection of HTTP/2, played by hand: hears frames, and says what the test wants it to.
class Link {
 public:
  explicit Link(RawSocket socket) : socket_(std::move(socket)) {}

  void say(const std::string& bytes) { socket_.send(bytes); }
  void close() { socket_.close(); }

  // What came since the last call.
  std::vector<h2::Frame> heard();
  std::size_t heard(unsigned type);
  bool ended();
  bool quiet_for(int milliseconds) { return socket_.quiet_for(milliseconds); }

  // Waits for the next frame of this type; the others stay to be heard().
  h2::Frame await(unsigned type);

 private:
  void hear();  // what comes next, which is waited for

  RawSocket socket_;
  std::string unread_;
  std::vector<h2::Frame> frames_;
  bool greeted_ = false;
  bool ended_ = false;
};

}  // namespace drawbridge::tests
