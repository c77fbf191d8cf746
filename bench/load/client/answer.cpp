#include "bench/load/client/answer.h"

#include <algorithm>
#include <charconv>

namespace drawbridge::bench {
namespace {

constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::string_view length_field = "\r\ncontent-length: ";

bool same_letter(char a, char b) {
  const bool letter = (b | 0x20) >= 'a' && (b | 0x20) <= 'z';
  return a == b || (letter && (a | 0x20) == (b | 0x20));
}

bool read_number(std::string_view text, auto& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

}  // namespace

Answer::State Answer::take(std::string_view bytes) {
  if (status_ == 0) {
    const bool first = head_.empty();
    if (!first) head_ += bytes;
    const std::string_view seen = first ? bytes : std::string_view(head_);
    const auto end = seen.find(head_end);
    if (end == std::string_view::npos) {
      if (first) head_ = bytes;
      return State::incomplete;
    }
    if (!read_head(seen.substr(0, end + 2))) return State::wrong;
    const auto of_body = seen.size() - end - head_end.size();
    bytes = bytes.substr(bytes.size() - of_body);
  }
  if (bytes.size() > body_left_) return State::wrong;
  body_left_ -= bytes.size();
  return body_left_ == 0 ? State::complete : State::incomplete;
}

bool Answer::read_head(std::string_view head) {
  if (!head.starts_with("HTTP/1.1 ") || !read_number(head.substr(9, 3), status_)) return false;
  const auto at = std::search(head.begin(), head.end(), length_field.begin(), length_field.end(), same_letter);
  if (at == head.end()) return false;
  const auto value = head.substr(static_cast<std::size_t>(at - head.begin()) + length_field.size());
  if (!read_number(value, body_bytes_)) return false;
  body_left_ = body_bytes_;
  return true;
}

}  // namespace drawbridge::bench
