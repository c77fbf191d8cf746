#pragma once

#include "config/document.h"
#include "config/syntax_error.h"

#include <optional>
#include <string>
#include <vector>

namespace drawbridge::config {

// The only door to toml11. Fills `root` with the values of the text and the places of its keys, or says what
// stopped the parser. The text must have passed find_obstacle (guard.h). Throws nothing.
std::optional<SyntaxError> read_toml(const std::vector<std::string>& lines, const std::string& file, Node& root);

}  // namespace drawbridge::config
