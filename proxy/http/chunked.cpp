#include "proxy/http/chunked.h"

#include "proxy/base/ascii.h"
#include "proxy/http/chars.h"
#include "proxy/http/fields.h"

#include <algorithm>

namespace drawbridge::http {
namespace {

constexpr std::uint64_t size_max = (std::uint64_t{1} << 63) - 1;

}  // namespace

bool may_trail(std::string_view name) {
  return field_of(name) == Field::other && disguised_field(name) == Field::other;
}

void ChunkDecoder::reset() {
  trailers_.clear();
  place_ = Place::size_first;
  remaining_ = 0;
  digits_ = extension_line_bytes_ = extension_bytes_ = trailer_count_ = trailer_bytes_ = line_begin_ = 0;
  refusal_ = {};
}

ChunkDecoder::Step ChunkDecoder::step(std::span<char> in) {
  std::size_t at = 0;
  while (place_ != Place::done && place_ != Place::error && at < in.size()) {
    if (place_ == Place::data) {
      const auto n = std::min<std::uint64_t>(remaining_, in.size() - at);
      const auto data = in.subspan(at, static_cast<std::size_t>(n));
      remaining_ -= n;
      if (remaining_ == 0) place_ = Place::data_cr;
      return {.consumed = at + data.size(), .data = data, .state = State::data};
    }
    framing_byte(in[at++]);
  }
  if (place_ == Place::done) return {.consumed = at, .data = {}, .state = State::done};
  if (place_ == Place::error) return {.consumed = at, .data = {}, .state = State::error};
  return {.consumed = at, .data = {}, .state = State::need_more};
}

void ChunkDecoder::framing_byte(char c) {
  switch (place_) {
    case Place::size_first:
    case Place::size:
      size_byte(c);
      break;
    case Place::size_lf:
      c == '\n' ? end_size_line() : fail(Rule::chunk_line_end);
      break;
    case Place::extension_name_first:
    case Place::extension_name:
    case Place::extension_after_name:
    case Place::extension_value_first:
    case Place::extension_token:
    case Place::extension_quoted:
    case Place::extension_escaped:
    case Place::extension_after_value:
      extension_byte(c);
      break;
    case Place::data_cr:
      c == '\r' ? void(place_ = Place::data_lf) : fail(Rule::chunk_line_end);
      break;
    case Place::data_lf:
      c == '\n' ? void(place_ = Place::size_first) : fail(Rule::chunk_line_end);
      break;
    case Place::trailer_line:
    case Place::trailer_lf:
      trailer_byte(c);
      break;
    case Place::data:
    case Place::done:
    case Place::error:
      break;
  }
}

void ChunkDecoder::size_byte(char c) {
  const int digit = base::hex_value(c);
  if (digit >= 0) {
    if (++digits_ > size_digits_max || remaining_ > (size_max >> 4)) return fail(Rule::chunk_size_overflow);
    remaining_ = remaining_ << 4 | static_cast<unsigned>(digit);
    place_ = Place::size;
  } else if (place_ == Place::size_first) {
    fail(Rule::chunk_size);
  } else if (c == '\r') {
    place_ = Place::size_lf;
  } else if (c == ';') {
    extension_line_bytes_ = 0;
    place_ = Place::extension_name_first;
  } else {
    fail(c == '\n' ? Rule::chunk_line_end : Rule::chunk_size);
  }
}

// *( ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] BWS ), read only to find its end for certain.
void ChunkDecoder::extension_byte(char c) {
  if (++extension_bytes_ > extension_bytes_max || ++extension_line_bytes_ > extension_line_bytes_max) {
    return fail(Rule::chunk_extension_too_long);
  }
  const bool blank = c == ' ' || c == '\t';
  const auto after_element = [&] {
    if (c == '\r') return Place::size_lf;
    return c == ';' ? Place::extension_name_first : Place::error;
  };
  auto next = Place::error;
  switch (place_) {
    case Place::extension_name_first:
      next = blank ? place_ : is(c, token_char) ? Place::extension_name : Place::error;
      break;
    case Place::extension_name:
    case Place::extension_after_name:
      if (place_ == Place::extension_name && is(c, token_char)) {
        next = place_;
      } else if (blank) {
        next = Place::extension_after_name;
      } else {
        next = c == '=' ? Place::extension_value_first : after_element();
      }
      break;
    case Place::extension_value_first:
      if (blank) {
        next = place_;
      } else {
        next = c == '"' ? Place::extension_quoted : is(c, token_char) ? Place::extension_token : Place::error;
      }
      break;
    case Place::extension_token:
      next = is(c, token_char) ? place_ : blank ? Place::extension_after_value : after_element();
      break;
    case Place::extension_quoted:
      if (is(c, control_char)) break;
      next = c == '"' ? Place::extension_after_value : c == '\\' ? Place::extension_escaped : place_;
      break;
    case Place::extension_escaped:
      next = is(c, control_char) ? Place::error : Place::extension_quoted;
      break;
    case Place::extension_after_value:
      next = blank ? place_ : after_element();
      break;
    default:
      break;
  }
  if (next == Place::error) return fail(c == '\n' ? Rule::chunk_line_end : Rule::chunk_extension);
  place_ = next;
}

void ChunkDecoder::end_size_line() {
  digits_ = 0;
  place_ = remaining_ > 0 ? Place::data : Place::trailer_line;
}

void ChunkDecoder::trailer_byte(char c) {
  if (++trailer_bytes_ > trailer_bytes_max) return fail(Rule::trailers_too_large);
  if (place_ == Place::trailer_lf) {
    return c == '\n' ? end_trailer_line() : fail(Rule::line_end);
  }
  if (c == '\r') {
    place_ = Place::trailer_lf;
  } else if (is(c, control_char)) {
    fail(c == '\n' ? Rule::line_end : Rule::control_byte);
  } else {
    trailers_ += c;
  }
}

void ChunkDecoder::end_trailer_line() {
  place_ = Place::trailer_line;
  const auto line = std::string_view(trailers_).substr(line_begin_);
  if (line.empty()) {
    place_ = Place::done;
    return;
  }
  if (++trailer_count_ > trailers_max) return fail(Rule::trailers_too_large);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail(Rule::trailer_malformed);
  if (may_trail(line.substr(0, colon))) {
    trailers_ += "\r\n";
    line_begin_ = trailers_.size();
  } else {
    trailers_.resize(line_begin_);
  }
}

void ChunkDecoder::fail(Rule rule) {
  place_ = Place::error;
  refusal_ = refuse(rule);
}

ChunkHead::ChunkHead(std::uint64_t bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::size_t shift = 60;
  while (shift > 0 && (bytes >> shift & 15) == 0) shift -= 4;
  for (;; shift -= 4) {
    text[length++] = digits[bytes >> shift & 15];
    if (shift == 0) break;
  }
  text[length++] = '\r';
  text[length++] = '\n';
}

}  // namespace drawbridge::http
