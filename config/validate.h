#pragma once

#include "config/config.h"
#include "config/document.h"
#include "config/load.h"

#include <span>
#include <vector>

namespace drawbridge::config {

// Defaults that nobody has written stay within the bounds that somebody has: `tunnel_spread` of a short `timeout`.
void follow_bounds(const Document& document, Config& config);

// What no single value shows: names that lead nowhere, claims that collide, limits that contradict each other.
// `known` are the problems found while reading: what could only be their echo is left out.
std::vector<Problem> validate(const Document& document, const Config& config, std::span<const Problem> known);

// What only the machine knows: that the folders of pages and the group exist, and that certificates are good.
std::vector<Problem> validate_disk(const Document& document, const Config& config, const FileChecks& checks,
                                   std::span<const Problem> known);

}  // namespace drawbridge::config
