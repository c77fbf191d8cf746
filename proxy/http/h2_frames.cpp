#include "proxy/http/h2_frames.h"

#include "proxy/base/check.h"

#include <algorithm>

namespace drawbridge::http {
namespace {

constexpr std::size_t magic_bytes = 24;

std::uint32_t number(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

void amend_setting(std::span<char> frame, std::uint16_t id, std::uint32_t value) {
  constexpr std::size_t frame_head_bytes = 9, setting_bytes = 6;
  const auto is = [&](std::size_t at) {
    return frame[at] == static_cast<char>(id >> 8) && frame[at + 1] == static_cast<char>(id);
  };
  auto at = frame_head_bytes;
  while (at + setting_bytes <= frame.size() && !is(at)) at += setting_bytes;
  DRAWBRIDGE_CHECK(at + setting_bytes <= frame.size());
  for (std::size_t i = 0; i < 4; ++i) frame[at + 2 + i] = static_cast<char>(value >> (24 - 8 * i));
}

H2FrameScanner::H2FrameScanner(bool expects_preface) : skip_(expects_preface ? magic_bytes : 0) {}

void H2FrameScanner::read_head() {
  const auto type = head_[3];
  const bool is_known = type < static_cast<unsigned>(H2Frame::Type::other);
  frame_ = {.type = is_known ? static_cast<H2Frame::Type>(type) : H2Frame::Type::other,
            .flags = head_[4],
            .stream = number(&head_[5]) & 0x7fff'ffff,
            .length = number(head_.data()) >> 8};
}

// Where the word of a frame ends; 0: it has none, or not the length for it.
std::size_t H2FrameScanner::payload_judged() const {
  constexpr unsigned padded = 0x8, with_priority = 0x20;
  constexpr std::size_t word_bytes = 4, priority_bytes = 5;
  switch (frame_.type) {
    case H2Frame::Type::priority:
      return frame_.length == priority_bytes ? word_bytes : 0;
    case H2Frame::Type::window_update:
      return frame_.length == word_bytes ? word_bytes : 0;
    case H2Frame::Type::headers: {
      const auto end = word_bytes + ((frame_.flags & padded) != 0 ? 1 : 0);
      return (frame_.flags & with_priority) != 0 && frame_.length >= end ? end : 0;
    }
    default:
      return 0;
  }
}

bool H2FrameScanner::head_complete() {
  if (have_ < head_bytes) return false;
  if (have_ == head_bytes) read_head();
  const auto judged = payload_judged();
  if (have_ < head_bytes + judged) return false;
  if (judged > 0) frame_.word = number(&head_[head_bytes + judged - 4]) & 0x7fff'ffff;
  skip_ = frame_.length - judged;
  have_ = 0;
  return true;
}

std::size_t H2FrameScanner::scan(std::span<const char> bytes, bool& found) {
  std::size_t at = 0;
  found = false;
  while (at < bytes.size()) {
    const auto skipped = std::min(skip_, bytes.size() - at);
    skip_ -= skipped;
    at += skipped;
    if (at == bytes.size()) break;
    head_[have_++] = static_cast<unsigned char>(bytes[at]);
    found = head_complete();
    if (found) return at;
    ++at;
  }
  return at;
}

}  // namespace drawbridge::http
