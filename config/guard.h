#pragma once

#include "config/document.h"

#include <optional>
#include <string>
#include <string_view>

namespace drawbridge::config {

struct Obstacle {
  Place place;
  std::string message;
};

// What must not reach the TOML parser, which recurses once a level, takes control bytes for text, and reads out of
// bounds while it reports text that is not UTF-8: the first place where nesting passes nesting_max or a line
// line_bytes_max, or where such a byte stands. nullopt: the text may be parsed.
std::optional<Obstacle> find_obstacle(std::string_view text);

}  // namespace drawbridge::config
