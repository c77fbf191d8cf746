#include "proxy/core/balance.h"

namespace drawbridge::core {
namespace {

bool usable(const Candidate& candidate) {
  return candidate.eligible && candidate.weight > 0;
}

// Less loaded for its weight, without a division.
bool less_loaded(const Candidate& a, const Candidate& b) {
  return std::uint64_t{a.in_flight} * b.weight < std::uint64_t{b.in_flight} * a.weight;
}

const Candidate* least_loaded(std::span<const Candidate> candidates) {
  const Candidate* least = nullptr;
  for (const auto& candidate : candidates) {
    if (usable(candidate) && (least == nullptr || less_loaded(candidate, *least))) least = &candidate;
  }
  return least;
}

}  // namespace

std::optional<std::size_t> pick(Balance balance, std::span<const Candidate> candidates, BalanceState& state) {
  if (state.credit.size() != candidates.size()) state.credit.assign(candidates.size(), 0);
  const auto* least = balance == Balance::least_requests ? least_loaded(candidates) : nullptr;

  // Each that may be chosen earns its weight; the richest is chosen and pays what all have earned.
  std::optional<std::size_t> chosen;
  std::int64_t earned = 0;
  for (std::size_t place = 0; place < candidates.size(); ++place) {
    const auto& candidate = candidates[place];
    if (!usable(candidate) || (least != nullptr && less_loaded(*least, candidate))) continue;
    state.credit[place] += candidate.weight;
    earned += candidate.weight;
    if (!chosen || state.credit[place] > state.credit[*chosen]) chosen = place;
  }
  if (chosen) state.credit[*chosen] -= earned;
  return chosen;
}

}  // namespace drawbridge::core
