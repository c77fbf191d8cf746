#pragma once

#include <span>
#include <string>
#include <string_view>

namespace drawbridge::config {

// The one of `known` that `word` was probably meant to be: a slip of the finger (edit distance, neighbours swapped
// count once), another spelling of the same parts ("roundrobin"), or the word nginx and HAProxy use for it. Empty
// if nothing is near. Ties go to the first.
std::string nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace drawbridge::config
