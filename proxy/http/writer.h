#pragma once

#include "proxy/base/text.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace drawbridge::http {

// Appends text to a buffer that somebody else owns. Bounded: what does not fit sets overflow() and is dropped, and
// so is everything after it. No allocation.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> buffer) : begin_(buffer.data()), at_(begin_), end_(begin_ + buffer.size()) {}

  // Inline, so that literals become stores.
  [[gnu::always_inline]] void text(std::string_view text) {
    if (text.size() > static_cast<std::size_t>(end_ - at_)) {
      overflow_ = true;
      end_ = at_;
      return;
    }
    put(text);
  }
  void decimal(std::uint64_t value);
  // "name: value\r\n". The caller vouches for both: tokens and values come from judged heads or checked
  // configuration.
  void field(std::string_view name, std::string_view value);
  void field(std::string_view name, std::uint64_t value);
  void end_line() { text("\r\n"); }

  bool overflow() const { return overflow_; }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  std::string_view view() const { return {begin_, size()}; }

 private:
  [[gnu::always_inline]] void put(std::string_view text) { at_ = base::copy_short(at_, text); }

  char* begin_;
  char* at_;
  char* end_;
  bool overflow_ = false;
};

// True if value may stand in a field: no control bytes but HTAB, no blanks at its ends.
bool is_field_value(std::string_view value);

// The registered reason phrase of RFC 9110 section 15, or "Status" for codes without one.
std::string_view reason_phrase(std::uint16_t status);

}  // namespace drawbridge::http
