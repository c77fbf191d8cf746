#pragma once

#include "config/document.h"

#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::config {

// A syntax error in the words of this program.
struct SyntaxError {
  Place place;
  std::string message;
  std::string suggestion;
  bool local = true;  // the mistake is inside of its line; false: an earlier line may have caused it
};

// Translates what toml11 threw. Its `location()` often names the start of the statement instead of the mistake, so
// the place is read from the underlined lines of `report` (toml11's what(), uncoloured); `fallback` if that fails.
SyntaxError translate(std::string_view report, Place fallback, const std::vector<std::string>& lines);

}  // namespace drawbridge::config
