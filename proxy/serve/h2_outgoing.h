#pragma once

#include "proxy/http/h2_session.h"
#include "proxy/serve/outgoing_message.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace drawbridge::serve {

// A part of a message while an HTTP/2 session takes it, by as much as windows and output have room for. What it
// points to stays until it was taken.
class H2Outgoing {
 public:
  void begin(OutgoingMessage::Part part) {
    part_ = part;
    piece_ = piece_bytes_ = 0;
    waits_ = true;
    hurried_ = false;
  }
  void give_up() { waits_ = false; }

  bool waits() const { return waits_; }
  // Copies the next bytes; waits() is false once all were taken.
  http::H2Pulled pull(std::span<char> into);
  std::size_t bytes_left() const;

  // After how long without a pull who waits is to hurry(), and if that was done, gives up.
  base::Millis patience(base::Millis whole) const {
    return hurried_ ? whole : std::min<base::Millis>(whole, http::H2Session::hurry_after);
  }
  bool hurried() const { return hurried_; }  // the next pull changes patience()
  // False: not again.
  bool hurry() { return !std::exchange(hurried_, true); }

 private:
  OutgoingMessage::Part part_;
  std::size_t piece_ = 0;
  std::size_t piece_bytes_ = 0;  // taken of it
  bool waits_ = false;
  bool hurried_ = false;  // since the last pull
};

}  // namespace drawbridge::serve
