#pragma once

#include "proxy/base/failure.h"
#include "proxy/core/facts.h"
#include "proxy/core/glob.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::core {

class Readings;  // core/readings.h

// What tells the requests of a slice from the others: the text after --match, one of
//   header:NAME=VALUE   cookie:NAME=VALUE   host:NAME   path:PREFIX-OR-GLOB
//   percent:NUMBER [by address|by cookie:NAME]
// Names of fields and hosts compare without case, all else byte by byte. "*.example.com" is each host below it. A
// path without a star is a prefix that ends at a segment border; with stars it is a glob (core/glob.h). A
// percentage takes clients by a hash that never changes, of the cookie or of the address (of IPv6 the /64), so that
// a larger number takes those of a smaller one and more; a client without the cookie counts by its address, and of
// several values the first one counts.
class SliceMatch {
 public:
  enum class Kind : std::uint8_t { header, cookie, host, path, percent };  // as they come in a placement

  // `maybe`: servers may disagree. The field or cookie is there with several values, or in a disguise ("X_Tenant"),
  // or readings of the path differ.
  enum class Fit : std::uint8_t { no, yes, maybe };

  static constexpr std::size_t bytes_max = 255;

  // The error is a sentence for a person.
  static base::Expected<SliceMatch> parse(std::string_view text);

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }  // as it is shown; parses to an equal match
  // What it is the same slice by: equal for other spellings of it, and for other percentages of the same clients.
  const std::string& key() const { return key_; }
  unsigned hundredths() const { return hundredths_; }  // of a percent; of Kind::percent
  const std::string& name() const { return name_; }  // of the field, cookie or host; of the cookie of a percentage

  Fit fits(const RequestFacts& facts, const Readings& readings) const;

  // In two steps, for many matches of one field or cookie: what the request says there, and whether that fits.
  struct Values {
    static constexpr std::size_t count_max = 8;
    std::array<std::string_view, count_max> list;
    std::size_t count = 0;
    bool is_plain = false;  // one of them is under the very name, not a disguise of it
    bool has_more = false;  // than there is room for: nobody knows what a server makes of it
  };
  bool has_values() const { return kind_ == Kind::header || kind_ == Kind::cookie; }
  bool reads_as(const SliceMatch& other) const { return kind_ == other.kind_ && name_ == other.name_; }
  Values values_in(const RequestFacts& facts) const;
  Fit fits(const Values& values) const;

  // A request may match both. Never asked of percentages.
  bool may_overlap(const SliceMatch& other) const;
  // Some host of a site (config form; none: any) and some path prefix of it (none: all) have requests of this one.
  bool may_be_of(const std::vector<std::string>& hosts, const std::vector<std::string>& paths) const;

 private:
  SliceMatch() = default;
  static base::Expected<SliceMatch> parse_valued(Kind kind, std::string_view rest);
  static base::Expected<SliceMatch> parse_host(std::string_view rest);
  static base::Expected<SliceMatch> parse_path(std::string_view rest);
  static base::Expected<SliceMatch> parse_percent(std::string_view rest);
  Fit fits_path(const Readings& readings) const;
  Fit fits_percent(const RequestFacts& facts) const;
  bool host_matches(std::string_view host) const;

  Kind kind_ = Kind::header;
  std::string text_, key_;
  std::string name_, value_;
  std::vector<Glob> globs_;  // of a path: one of them matches
  unsigned hundredths_ = 0;
};

std::string_view name(SliceMatch::Kind kind);

}  // namespace drawbridge::core
