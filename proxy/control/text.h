#pragma once

#include "proxy/core/command.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::control {

// `text` from outside as it may be stored, logged and shown: valid UTF-8 (what is not becomes '?'), control
// characters as spaces, at most `bytes_max` without a torn character at the end.
std::string clean_text(std::string_view text, std::size_t bytes_max);

// "alice (uid 1000)"; the name alone for the proxy itself.
std::string describe(const core::Actor& actor);

// "blue, green and 12 more": at most ten of them.
std::string join_names(const std::vector<std::string>& names);

// "1 write", "2 writes".
std::string counted(std::uint64_t count, std::string_view what);

}  // namespace drawbridge::control
