#pragma once

#include "proxy/http/h2_session.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace drawbridge::http {

// The head of a frame (RFC 9113 section 4.1).
struct H2Frame {
  enum class Type : std::uint8_t {
    data,
    headers,
    priority,
    rst_stream,
    settings,
    push_promise,
    ping,
    goaway,
    window_update,
    continuation,
    other,
  };
  Type type = Type::other;
  std::uint8_t flags = 0;
  H2StreamId stream = 0;
  std::uint32_t length = 0;
  H2StreamId depends_on = 0;  // PRIORITY of five bytes only
};

// Finds the frames in a stream of bytes, however it is cut: the library does not tell of all of them.
class H2FrameScanner {
 public:
  // `expects_preface`: the client's magic comes first.
  explicit H2FrameScanner(bool expects_preface);

  // Takes bytes up to the next frame whose head is complete, and returns how many: all of them if there is none.
  // `found` says whether there is; then frame() is it, and the bytes taken are those before its last one.
  std::size_t scan(std::span<const char> bytes, bool& found);
  const H2Frame& frame() const { return frame_; }

 private:
  static constexpr std::size_t head_bytes = 9;
  static constexpr std::size_t priority_bytes = 5;

  bool head_complete();

  std::size_t skip_;  // bytes before the next head
  std::array<unsigned char, head_bytes + priority_bytes> head_{};
  std::size_t have_ = 0;
  H2Frame frame_;
};

}  // namespace drawbridge::http
