#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drawbridge::h2 {

using namespace std::string_literals;

// Raw frames (RFC 9113 section 4.1), right or wrong as a test wants them.

enum Type : std::uint8_t {
  type_data,
  type_headers,
  type_priority,
  type_rst_stream,
  type_settings,
  type_push_promise,
  type_ping,
  type_goaway,
  type_window_update,
  type_continuation,
};

inline constexpr std::uint8_t end_stream = 0x1;
inline constexpr std::uint8_t ack = 0x1;
inline constexpr std::uint8_t end_headers = 0x4;
inline constexpr std::uint8_t padded = 0x8;
inline constexpr std::uint8_t priority_flag = 0x20;
inline constexpr std::uint8_t whole_request = end_stream | end_headers;

inline const std::string magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string u16(std::uint32_t value);
std::string u32(std::uint32_t value);
std::string frame(unsigned type, unsigned flags, std::uint32_t stream, const std::string& payload);

// HPACK: each field a literal that is not indexed (RFC 7541 section 6.2.2), without Huffman.
using Fields = std::vector<std::pair<std::string, std::string>>;
std::string block(const Fields& fields);
Fields get_fields(const std::string& path = "/");
Fields post_fields();
Fields with(Fields fields, const Fields& more);
Fields without(Fields fields, std::string_view name);

// The usual ones.
std::string settings(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& values = {});
std::string settings_ack();
std::string headers(std::uint32_t stream, const Fields& fields, unsigned flags = whole_request);
std::string get(std::uint32_t stream);   // a whole request
std::string post(std::uint32_t stream);  // DATA is to follow
std::string data(std::uint32_t stream, const std::string& bytes, unsigned flags = end_stream);
std::string reset(std::uint32_t stream, std::uint32_t code = 8);
std::string window_update(std::uint32_t stream, std::uint32_t increment);
std::string priority(std::uint32_t stream, std::uint32_t parent);
std::string ping(const std::string& eight_bytes, unsigned flags = 0);
std::string goaway(std::uint32_t last_stream, std::uint32_t code);

// One frame of an answer.
struct Frame {
  unsigned type = 0;
  unsigned flags = 0;
  std::uint32_t stream = 0;
  std::string payload;

  std::uint32_t code() const;  // of RST_STREAM and GOAWAY
};

// Takes the whole frames off `bytes`.
std::vector<Frame> take_frames(std::string& bytes);

}  // namespace drawbridge::h2
