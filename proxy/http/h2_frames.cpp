#include "proxy/http/h2_frames.h"

#include <algorithm>

namespace drawbridge::http {
namespace {

constexpr std::size_t magic_bytes = 24;

std::uint32_t number(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

H2FrameScanner::H2FrameScanner(bool expects_preface) : skip_(expects_preface ? magic_bytes : 0) {}

// A PRIORITY is complete with its payload: what it depends on is part of the judgment.
bool H2FrameScanner::head_complete() {
  if (have_ < head_bytes) return false;
  const auto length = number(head_.data()) >> 8;
  const auto type = head_[3];
  const bool is_known = type < static_cast<unsigned>(H2Frame::Type::other);
  frame_ = {.type = is_known ? static_cast<H2Frame::Type>(type) : H2Frame::Type::other,
            .flags = head_[4],
            .stream = number(&head_[5]) & 0x7fff'ffff,
            .length = length};
  const bool with_payload = frame_.type == H2Frame::Type::priority && length == priority_bytes;
  if (with_payload && have_ < head_.size()) return false;
  if (with_payload) frame_.depends_on = number(&head_[head_bytes]) & 0x7fff'ffff;
  skip_ = length - (with_payload ? priority_bytes : 0);
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
