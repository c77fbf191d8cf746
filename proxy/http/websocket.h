#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drawbridge::http {

// Follows the frames of one direction of a WebSocket (RFC 6455 section 5.2) just enough to know where a frame of
// our own may be put in. Looks at headers only, never at payloads; fixed size.
class FrameScanner {
 public:
  // Follows `bytes` (all of what was relayed). After a malformed header the scanner is lost: no boundary is known
  // any more and broken() stays true.
  void feed(std::string_view bytes);

  // How many of `bytes` lead up to the end of the frame at hand (0 if at a boundary already); bytes.size() if the
  // frame goes on beyond them. Does not feed.
  std::size_t until_boundary(std::string_view bytes) const;

  bool at_boundary() const { return !broken_ && header_length_ == 0 && payload_remaining_ == 0; }
  bool close_seen() const { return close_seen_; }  // a close frame went by: do not add another
  bool broken() const { return broken_; }

 private:
  void header_byte(unsigned char byte);
  void header_complete();

  std::array<unsigned char, 14> header_{};
  std::uint8_t header_length_ = 0;  // bytes of the header seen; 0 outside a header
  std::uint8_t header_needed_ = 2;
  std::uint64_t payload_remaining_ = 0;
  bool close_seen_ = false;
  bool broken_ = false;
};

// A close frame with a code and no reason: 4 bytes unmasked (to clients), 8 bytes masked (to upstreams, RFC 6455
// section 5.3 wants each frame of a client masked; the key need not be secret here, so the caller gives any 32
// bits).
struct CloseFrame {
  std::array<char, 8> bytes{};
  std::size_t length = 0;
  std::string_view view() const { return {bytes.data(), length}; }
};

CloseFrame close_frame_to_client(std::uint16_t code);
CloseFrame close_frame_to_upstream(std::uint16_t code, std::uint32_t mask);

// Sec-WebSocket-Key of a handshake that we make ourselves: 16 bytes in base64 (RFC 6455 section 4.1).
struct WebSocketKey {
  std::array<char, 24> text{};
  std::string_view view() const { return {text.data(), text.size()}; }
};

WebSocketKey make_websocket_key(std::uint64_t high, std::uint64_t low);

// Whether a client may have made it: 16 bytes in base64.
bool is_websocket_key(std::string_view key);

// Sec-WebSocket-Accept for a client's key (RFC 6455 section 4.2.2), where the server does not see the key.
struct WebSocketAccept {
  std::array<char, 28> text{};
  std::string_view view() const { return {text.data(), text.size()}; }
};

WebSocketAccept make_websocket_accept(std::string_view key);

inline constexpr std::uint16_t close_service_restart = 1012;

}  // namespace drawbridge::http
