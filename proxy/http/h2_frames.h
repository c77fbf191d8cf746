#pragma once

#include "proxy/http/h2_session.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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
  // Of the payload, 31 bits: the stream that PRIORITY, or HEADERS with one, depends on; what WINDOW_UPDATE adds.
  std::optional<std::uint32_t> word = {};
};

// Writes the value of one of the settings that `frame`, a whole SETTINGS, has (RFC 9113 section 6.5.1).
void amend_setting(std::span<char> frame, std::uint16_t id, std::uint32_t value);

// Finds the frames in a stream of bytes, however it is cut: the library does not tell of all of them.
class H2FrameScanner {
 public:
  // `expects_preface`: the client's magic comes first.
  explicit H2FrameScanner(bool expects_preface);

  // Takes bytes up to the next frame of which is here what frame() says, and returns how many: all of them if there
  // is none. `found` says whether there is; the bytes taken are those before the last one of what frame() says.
  std::size_t scan(std::span<const char> bytes, bool& found);
  const H2Frame& frame() const { return frame_; }

 private:
  static constexpr std::size_t head_bytes = 9;
  static constexpr std::size_t payload_bytes_max = 5;

  void read_head();
  std::size_t payload_judged() const;
  bool head_complete();

  std::size_t skip_;  // bytes before the next head
  std::array<unsigned char, head_bytes + payload_bytes_max> head_{};
  std::size_t have_ = 0;
  H2Frame frame_;
};

}  // namespace drawbridge::http
