#pragma once

#include <string>
#include <vector>

namespace drawbridge::h2 {

// One row about the frame layer: what a client sends behind the preface and its SETTINGS, and what becomes of it.
// The server answers each whole request with 200 and eight bytes. `expected` is one of
//   "requests N"        accepted: no error, and so many requests were answered with 200
//   "last requests N"   likewise, and then the connection is over
//   "answer CODE"       the first request was refused with this status
//   "stream CODE"       RST_STREAM with this code for the first stream that has one, and the connection lives
//   "connection CODE"   GOAWAY with this code, and the connection is over
struct Case {
  std::string name;
  std::string bytes;
  std::string expected;
  std::string section;  // of RFC 9113 unless another is named
};

extern const std::vector<Case> connection_cases;  // preface, frames, streams, flow control
extern const std::vector<Case> message_cases;     // HPACK and HTTP semantics

}  // namespace drawbridge::h2
