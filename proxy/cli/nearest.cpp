#include "proxy/base/ascii.h"
#include "proxy/cli/manual.h"

#include <algorithm>

namespace drawbridge::cli {

namespace {

// Edit distance in which two swapped neighbours count once: the typing error that people make most.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = base::to_lower(a[i - 1]) == base::to_lower(b[j - 1]) ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view text, const std::vector<std::string>& known) {
  constexpr std::size_t word_bytes_max = 64;
  if (text.empty() || text.size() > word_bytes_max) return {};
  std::size_t best = std::max<std::size_t>(1, text.size() / 3) + 1;
  std::string found;
  for (const auto& word : known) {
    if (word.size() > word_bytes_max) continue;
    const bool begins = text.size() >= 2 && word.starts_with(text);
    const std::size_t away = begins ? 1 : distance(text, word);
    if (away < best) {
      best = away;
      found = word;
    }
  }
  return found;
}

}  // namespace drawbridge::cli
