#include "proxy/http/websocket.h"

#include "proxy/base/sha1.h"

#include <algorithm>
#include <string>

namespace drawbridge::http {
namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint8_t opcode_close = 8;
constexpr std::uint8_t shortest_header = 2;
constexpr unsigned length_16_bits = 126;
constexpr unsigned length_64_bits = 127;

bool is_known_opcode(unsigned opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

// Bytes of the whole header, from its first two.
std::uint8_t header_bytes(unsigned char second) {
  const unsigned length = second & 0x7FU;
  unsigned bytes = shortest_header;
  if (length == length_16_bits) bytes += 2;
  if (length == length_64_bits) bytes += 8;
  if ((second & 0x80U) != 0) bytes += 4;
  return static_cast<std::uint8_t>(bytes);
}

CloseFrame close_frame(std::uint16_t code) {
  CloseFrame frame;
  frame.bytes[0] = static_cast<char>(0x80U | opcode_close);
  frame.bytes[1] = 2;
  frame.bytes[2] = static_cast<char>(code >> 8);
  frame.bytes[3] = static_cast<char>(code & 0xFF);
  frame.length = 4;
  return frame;
}

}  // namespace

void FrameScanner::feed(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    if (payload_remaining_ > 0) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(payload_remaining_, bytes.size()));
      payload_remaining_ -= n;
      bytes.remove_prefix(n);
    } else {
      header_byte(static_cast<unsigned char>(bytes.front()));
      bytes.remove_prefix(1);
    }
  }
}

std::size_t FrameScanner::until_boundary(std::string_view bytes) const {
  auto ahead = *this;
  std::size_t at = 0;
  while (at < bytes.size() && !ahead.at_boundary()) {
    const auto payload =
        static_cast<std::size_t>(std::min<std::uint64_t>(ahead.payload_remaining_, bytes.size() - at));
    const auto n = std::max<std::size_t>(payload, 1);
    ahead.feed(bytes.substr(at, n));
    at += n;
  }
  return at;
}

void FrameScanner::header_byte(unsigned char byte) {
  header_[header_length_++] = byte;
  if (header_length_ == 1) {
    // Extension bits may be negotiated (permessage-deflate): only the opcode tells that this is no frame.
    broken_ = !is_known_opcode(byte & 0x0FU);
    header_needed_ = shortest_header;
  } else if (header_length_ == 2) {
    header_needed_ = header_bytes(byte);
  }
  if (!broken_ && header_length_ == header_needed_) header_complete();
}

void FrameScanner::header_complete() {
  const unsigned length = header_[1] & 0x7FU;
  const std::size_t length_bytes = length == length_16_bits ? 2 : length == length_64_bits ? 8 : 0;
  payload_remaining_ = length_bytes == 0 ? length : 0;
  for (std::size_t i = 0; i < length_bytes; ++i) payload_remaining_ = payload_remaining_ << 8 | header_[2 + i];
  const unsigned opcode = header_[0] & 0x0FU;
  // Control frames are short and whole, and no length has its highest bit set (RFC 6455 sections 5.2 and 5.5).
  const bool long_control = opcode >= opcode_close && (length_bytes > 0 || (header_[0] & 0x80U) == 0);
  broken_ = long_control || payload_remaining_ >> 63 != 0;
  if (opcode == opcode_close) close_seen_ = true;
  header_length_ = 0;
}

CloseFrame close_frame_to_client(std::uint16_t code) {
  return close_frame(code);
}

CloseFrame close_frame_to_upstream(std::uint16_t code, std::uint32_t mask) {
  auto frame = close_frame(code);
  const auto plain = frame;
  frame.bytes[1] = static_cast<char>(0x80U | 2U);
  std::array<unsigned char, 4> key{};
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<unsigned char>(mask >> (8 * i));
    frame.bytes[2 + i] = static_cast<char>(key[i]);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    frame.bytes[6 + i] = static_cast<char>(static_cast<unsigned char>(plain.bytes[2 + i]) ^ key[i]);
  }
  frame.length = 8;
  return frame;
}

WebSocketKey make_websocket_key(std::uint64_t high, std::uint64_t low) {
  WebSocketKey key;
  std::size_t at = 0;
  const auto put = [&](std::uint64_t six) { key.text[at++] = base64_digits[six & 63U]; };
  for (int shift = 58; shift >= 4; shift -= 6) put(high >> shift);  // 60 bits of each
  for (int shift = 58; shift >= 4; shift -= 6) put(low >> shift);
  put(high << 2U | (low >> 2U & 3U));
  put((low & 3U) << 4U);
  key.text[at++] = '=';
  key.text[at] = '=';
  return key;
}

bool is_websocket_key(std::string_view key) {
  constexpr std::size_t length = 24;
  if (key.size() != length || !key.ends_with("==")) return false;
  return key.substr(0, length - 2).find_first_not_of(base64_digits) == std::string_view::npos;
}

WebSocketAccept make_websocket_accept(std::string_view key) {
  const auto digest = base::sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  WebSocketAccept accept;
  std::uint32_t bits = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i <= digest.size(); ++i) {
    bits = bits << 8 | (i < digest.size() ? digest[i] : 0U);
    if (i % 3 != 2) continue;
    for (int shift = 18; shift >= 0; shift -= 6) accept.text[at++] = base64_digits[bits >> shift & 63U];
    bits = 0;
  }
  accept.text.back() = '=';  // 20 bytes and one of filling
  return accept;
}

}  // namespace drawbridge::http
