#pragma once

#include <string>

namespace drawbridge::config {

// docs/CONFIG.md: every key with type, bounds, default, meaning and example, made from the schema.
std::string manual();

}  // namespace drawbridge::config
