#include "tests/h2/frames.h"

#include <algorithm>

namespace drawbridge::h2 {
namespace {

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

char low_byte(std::size_t value) {
  return static_cast<char>(static_cast<unsigned char>(value & 0xff));
}

// RFC 7541 section 5.1 with a prefix of seven bits.
std::string text(const std::string& bytes) {
  std::string out;
  if (bytes.size() < 127) {
    out += low_byte(bytes.size());
  } else {
    out += '\x7f';
    auto rest = bytes.size() - 127;
    for (; rest >= 128; rest /= 128) out += low_byte(rest % 128 + 128);
    out += low_byte(rest);
  }
  return out + bytes;
}

}  // namespace

std::string u16(std::uint32_t value) {
  return {low_byte(value >> 8), low_byte(value)};
}

std::string u32(std::uint32_t value) {
  return u16(value >> 16) + u16(value);
}

std::string frame(unsigned type, unsigned flags, std::uint32_t stream, const std::string& payload) {
  return std::string{low_byte(payload.size() >> 16)} + u16(static_cast<std::uint32_t>(payload.size())) +
         low_byte(type) + low_byte(flags) + u32(stream) + payload;
}

std::string block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += '\0' + text(name) + text(value);
  return out;
}

Fields get_fields(const std::string& path) {
  return {{":method", "GET"}, {":scheme", "http"}, {":path", path}, {":authority", "a.example"}};
}

Fields post_fields() {
  return {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.example"}};
}

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Fields without(Fields fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

std::string settings(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& values) {
  std::string payload;
  for (const auto& [id, value] : values) payload += u16(id) + u32(value);
  return frame(type_settings, 0, 0, payload);
}

std::string settings_ack() {
  return frame(type_settings, ack, 0, {});
}

std::string headers(std::uint32_t stream, const Fields& fields, unsigned flags) {
  return frame(type_headers, flags, stream, block(fields));
}

std::string get(std::uint32_t stream) {
  return headers(stream, get_fields());
}

std::string post(std::uint32_t stream) {
  return headers(stream, post_fields(), end_headers);
}

std::string data(std::uint32_t stream, const std::string& bytes, unsigned flags) {
  return frame(type_data, flags, stream, bytes);
}

std::string reset(std::uint32_t stream, std::uint32_t code) {
  return frame(type_rst_stream, 0, stream, u32(code));
}

std::string window_update(std::uint32_t stream, std::uint32_t increment) {
  return frame(type_window_update, 0, stream, u32(increment));
}

std::string priority(std::uint32_t stream, std::uint32_t parent) {
  return frame(type_priority, 0, stream, u32(parent) + '\x0f');
}

std::string ping(const std::string& eight_bytes, unsigned flags) {
  return frame(type_ping, flags, 0, eight_bytes);
}

std::string goaway(std::uint32_t last_stream, std::uint32_t code) {
  return frame(type_goaway, 0, 0, u32(last_stream) + u32(code));
}

std::uint32_t Frame::code() const {
  const auto at = type == type_goaway ? 4U : 0U;
  return payload.size() < at + 4 ? 0 : read_u32(std::string_view(payload).substr(at));
}

std::vector<Frame> take_frames(std::string& bytes) {
  std::vector<Frame> frames;
  std::size_t at = 0;
  while (bytes.size() - at >= 9) {
    const auto head = std::string_view(bytes).substr(at);
    const auto length = read_u32(head) >> 8;
    if (head.size() < 9 + length) break;
    frames.push_back({.type = static_cast<unsigned char>(head[3]),
                      .flags = static_cast<unsigned char>(head[4]),
                      .stream = read_u32(head.substr(5)) & 0x7fff'ffff,
                      .payload = std::string(head.substr(9, length))});
    at += 9 + length;
  }
  bytes.erase(0, at);
  return frames;
}

}  // namespace drawbridge::h2
