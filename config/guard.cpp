#include "config/guard.h"

#include <fmt/format.h>

#include <array>

namespace drawbridge::config {
namespace {

// Bytes of the character at the start of `text`, which begins with a byte from 0x80; 0 if it is not well-formed
// (RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto lead = at(0);
  const std::size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const auto second_min = lead == 0xe0 ? 0xa0U : lead == 0xf0 ? 0x90U : 0x80U;
  const auto second_max = lead == 0xed ? 0x9fU : lead == 0xf4 ? 0x8fU : 0xbfU;
  return length > 0 && at(1) >= second_min && at(1) <= second_max ? length : 0;
}

// Follows the text byte by byte: inside which quotes, how many brackets deep, how many dots in this statement. It
// agrees with TOML up to the first syntax error, and behind that the parser does not go.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  std::optional<Obstacle> walk() {
    while (at_ < text_.size()) {
      if (const auto obstacle = control_byte()) return obstacle;
      if (static_cast<unsigned char>(text_[at_]) >= 0x80) {
        const auto length = utf8_length(text_.substr(at_));
        if (length == 0) return Obstacle{place(), "the text is not UTF-8"};
        at_ += length;
        continue;
      }
      if (quote_.empty()) {
        outside_quotes();
      } else {
        inside_quotes();
      }
      if (at_ >= line_start_ + line_bytes_max) {
        return Obstacle{place(), fmt::format("the line is longer than {} bytes; break it up", line_bytes_max)};
      }
      if (brackets_ > nesting_max || dots_ > nesting_max) {
        return Obstacle{place(), fmt::format("nested more than {} levels deep", nesting_max)};
      }
      ++at_;
    }
    return std::nullopt;
  }

 private:
  std::optional<Obstacle> control_byte() const {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    const bool line_end = byte == '\n' || (byte == '\r' && text_.substr(at_).starts_with("\r\n"));
    if (byte == '\t' || line_end || (byte >= 0x20 && byte != 0x7f)) return std::nullopt;
    return Obstacle{place(), fmt::format("control byte 0x{:02x} is not allowed", byte)};
  }

  Place place() const { return {.line = line_, .column = static_cast<std::uint32_t>(at_ - line_start_ + 1)}; }

  void new_line() {
    ++line_;
    line_start_ = at_ + 1;
    dots_ = 0;
    comment_ = false;
  }

  void outside_quotes() {
    const char c = text_[at_];
    if (c == '\n') return new_line();
    if (comment_) return;
    if (c == '#') comment_ = true;
    if (c == '[' || c == '{') ++brackets_;
    if ((c == ']' || c == '}') && brackets_ > 0) --brackets_;
    if (c == '.') ++dots_;
    if (c == '"' || c == '\'') open_quotes();
  }

  void open_quotes() {
    static constexpr std::array<std::string_view, 4> kinds{R"(""")", "'''", R"(")", "'"};
    for (const auto kind : kinds) {
      if (!text_.substr(at_).starts_with(kind)) continue;
      quote_ = kind;
      at_ += kind.size() - 1;
      return;
    }
  }

  void inside_quotes() {
    const char c = text_[at_];
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\n';
    if (c == '\\' && quote_.front() == '"' && (next == '"' || next == '\\')) {
      ++at_;
    } else if (c == '\n') {
      if (quote_.size() == 1) quote_ = {};  // not closed: a syntax error of this line only
      new_line();
    } else if (text_.substr(at_).starts_with(quote_)) {
      at_ += quote_.size() - 1;
      quote_ = {};
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  std::string_view quote_;  // the quotes that will end the string; empty outside
  std::size_t brackets_ = 0;
  std::size_t dots_ = 0;
  bool comment_ = false;
};

}  // namespace

std::optional<Obstacle> find_obstacle(std::string_view text) {
  return Walker(text).walk();
}

}  // namespace drawbridge::config
