#pragma once

#include "proxy/base/limits.h"
#include "proxy/http/rules.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace drawbridge::http {

// Decodes a chunked body (RFC 9112 section 7.1) in place, as strictly as the standard allows: hexadecimal digits
// only, CRLF only, extensions dropped, trailers judged. Feed it what was read; each step consumes a prefix of it.
//
//   while (!bytes.empty() && !over) { const auto step = decoder.step(bytes); relay(step.data); bytes =
//   bytes.subspan(step.consumed); … }
class ChunkDecoder {
 public:
  enum class State : std::uint8_t { need_more, data, done, error };

  struct Step {
    std::size_t consumed = 0;  // bytes of `in` dealt with, those in `data` included
    std::span<char> data;      // part of `in`; non-empty only with State::data
    State state = State::need_more;
  };

  // Returns at the first piece of data, at the end of the body, at an error, or when `in` is used up. After `done`
  // nothing more is consumed: what follows belongs to the next message.
  Step step(std::span<char> in);

  void reset();

  // Data bytes of the chunk at hand still to come: a body limit can be judged from the announced size.
  std::uint64_t chunk_remaining() const { return remaining_; }

  // After `done`: the trailer lines that may be passed on, each ended by CRLF; empty if none. Fields that frame,
  // route, authenticate or describe the content are left out (RFC 9110 section 6.5.1). Valid until reset().
  std::string_view trailers() const { return trailers_; }

  // After `error`.
  Refusal refusal() const { return refusal_; }

  static constexpr std::size_t size_digits_max = 16;
  static constexpr std::size_t extension_line_bytes_max = 1024;
  static constexpr std::size_t extension_bytes_max = base::limits::chunk_extension_bytes_max;  // in one body
  static constexpr std::size_t trailer_bytes_max = base::limits::trailer_bytes_max;
  static constexpr std::size_t trailers_max = 32;

 private:
  enum class Place : std::uint8_t {
    size_first,
    size,
    size_lf,
    extension_name_first,
    extension_name,
    extension_after_name,
    extension_value_first,
    extension_token,
    extension_quoted,
    extension_escaped,
    extension_after_value,
    data,
    data_cr,
    data_lf,
    trailer_line,
    trailer_lf,
    done,
    error,
  };

  void framing_byte(char c);
  void size_byte(char c);
  void extension_byte(char c);
  void trailer_byte(char c);
  void end_size_line();
  void end_trailer_line();
  void fail(Rule rule);

  Place place_ = Place::size_first;
  std::uint64_t remaining_ = 0;
  std::size_t digits_ = 0;
  std::size_t extension_line_bytes_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_count_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t line_begin_ = 0;  // in trailers_: the line at hand; allocated only if the body has trailers
  std::string trailers_;
  Refusal refusal_;
};

// Whether a trailer of that name may be passed on. One that frames, routes, authenticates or describes the content
// would change what was already decided: every name of the table of fields is one of those, also in disguise.
bool may_trail(std::string_view name);

// "1a2b\r\n" for a chunk of that many bytes (not 0). After the data comes "\r\n", after the last chunk
// "0\r\n" + trailers + "\r\n".
struct ChunkHead {
  std::array<char, 18> text{};
  std::size_t length = 0;

  explicit ChunkHead(std::uint64_t bytes);
  std::string_view view() const { return {text.data(), length}; }
};

inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n";  // then trailers, then an empty line
inline constexpr std::string_view last_chunk_and_end = "0\r\n\r\n";

}  // namespace drawbridge::http
