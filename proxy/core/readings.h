#pragma once

#include "proxy/base/limits.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace drawbridge::core {

// Why no list of readings of a path can be complete: nobody knows what a server makes of it.
enum class Doubt : std::uint8_t {
  none,
  climbs_out,      // ".." above the root
  nul,             // an escaped NUL, at which some servers end the path
  overlong,        // UTF-8 longer than needed, such as %C0%AF for a slash
  broken_escape,   // "%u002F", or a lone "%" that becomes an escape when what follows is decoded
  escaped_thrice,  // still escaped after two rounds of decoding
};

std::string_view name(Doubt doubt);

// The normal form of a path and every other way a server behind us may read it. Readings differ in
//   - how often escapes are decoded: unreserved ones only (the normal form), all, all and once again,
//   - whether a backslash, raw or escaped, is a slash,
//   - whether matrix parameters (";x" up to the end of the segment) belong to the path,
//   - whether the path ends at an escaped "?", "#" or NUL.
// Then in each: dot segments removed, duplicate slashes merged, escapes that stay in upper case, case of letters
// kept. A path that is plain has one reading, itself. Letter case and trailing dots or blanks, which servers on
// some file systems ignore, make no reading: rules say what they mean.
//
// Views into `path` or into this object; both must outlive their use. Does not allocate for a path of up to
// limits::fast_path_bytes. About 40 KiB, of which only what is needed is touched: a local variable, not a member.
class Readings {
 public:
  static constexpr std::size_t readings_max = 16;

  // `path` as received, without query. "*" (of OPTIONS) and anything else without a leading slash is read as it is.
  explicit Readings(std::string_view path);
  Readings(const Readings&) = delete;
  Readings& operator=(const Readings&) = delete;

  // Never longer than the path; the normal form of a normal form is itself.
  std::string_view normal() const { return list_.texts[0]; }
  std::span<const std::string_view> all() const { return {list_.texts.data(), count_}; }  // the normal form first
  Doubt doubt() const { return doubt_; }
  bool unjudgeable() const { return doubt_ != Doubt::none; }

 private:
  static constexpr std::size_t scratch_count = 5;  // texts on their way to a reading

  enum class Parameters : std::uint8_t { are_gone, come_off };

  void read(std::string_view path);
  std::string_view read_levels(std::string_view text, Parameters parameters);
  void read_level(std::string_view text, Parameters parameters);
  void read_cut(std::string_view text);
  void doubt_escapes(std::string_view text);
  void add(std::string_view text);
  char* scratch(std::size_t index) { return room_ + index * path_bytes_; }

  // Not zeroed: nearly all paths have one.
  union List {
    List() {}
    std::array<std::string_view, readings_max> texts;
  };
  List list_;
  std::size_t count_ = 0;
  Doubt doubt_ = Doubt::none;
  std::size_t path_bytes_ = 0;
  char* room_ = nullptr;
  char* next_ = nullptr;  // room for the next reading
  std::unique_ptr<char[]> heap_;
  char inline_[(readings_max + scratch_count) * base::limits::fast_path_bytes];
};

// The normal form alone, for what is written once: prefixes of sites, answers to operators.
std::string normal_form(std::string_view path);

}  // namespace drawbridge::core
