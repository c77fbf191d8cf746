#pragma once

#include "proxy/base/failure.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace drawbridge::core {

// A pattern for a whole path. `*` is any run of bytes inside a segment, `**` any run across segments, both may be
// empty; "/**/" also stands for a single slash, so "/a/**/b" matches "/a/b". "/a/**" is what lies below "/a/", not
// "/a". The rest compares byte by byte; the pattern is brought to the normal form first, so "/%61" is "/a" and "/é"
// is
// "/%C3%A9". Matching is linear in the path for any pattern, and does not allocate.
class Glob {
 public:
  static constexpr std::size_t bytes_max = 255;

  static base::Expected<Glob> parse(std::string_view text);

  bool matches(std::string_view path) const;

  const std::string& text() const { return pattern_; }  // in normal form
  // What stands before the first star: a path that matches begins with it.
  std::string_view head() const { return std::string_view(pattern_).substr(0, head_bytes_); }
  bool is_literal() const { return head_bytes_ == pattern_.size(); }  // no star

 private:
  explicit Glob(std::string pattern);

  std::string pattern_;
  std::size_t head_bytes_ = 0;  // before the first star; the whole pattern if there is none
  std::size_t tail_bytes_ = 0;  // after the last star
  std::size_t literals_ = 0;    // bytes between the two that are no stars
};

}  // namespace drawbridge::core
