#include "config/nearest.h"

#include "proxy/base/ascii.h"

#include <algorithm>
#include <array>
#include <vector>

namespace drawbridge::config {
namespace {

constexpr std::size_t word_bytes_max = 64;  // the distance costs the product of both lengths

struct Foreign {
  std::string_view word;
  std::string_view ours;
};

// Words of nginx, HAProxy and kamal-proxy for what exists here under another name.
constexpr auto foreign_words = std::to_array<Foreign>({
    {"backend", "pool"},
    {"backends", "pool"},
    {"upstream", "pool"},
    {"upstreams", "pool"},
    {"frontend", "listener"},
    {"bind", "listener"},
    {"listen", "listener"},
    {"location", "site"},
    {"vhost", "site"},
    {"server_name", "hosts"},
    {"domain", "hosts"},
    {"path_prefix", "paths"},
    {"leastconn", "least_requests"},
    {"least_conn", "least_requests"},
    {"maxconn", "max_connections"},
    {"max_conns", "max_connections"},
    {"keepalive", "idle_connections"},
    {"inter", "interval"},
    {"uri", "path"},
    {"url", "path"},
    {"lb", "balance"},
    {"algorithm", "balance"},
    {"read_only", "readonly"},
    {"log", "access_log"},
    {"proxy_set_header", "request_headers"},
    {"add_header", "response_headers"},
    {"bypass", "exempt"},
    {"threads", "workers"},
    {"nbthread", "workers"},
    {"worker_processes", "workers"},
});

// Damerau-Levenshtein distance, restricted form: insert, delete, replace, swap neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> older(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], older[j - 2] + 1);
    }
    std::swap(older, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// Lower case without separators: "Round-Robin" and "round_robin" are the same word to a person.
std::string plain(std::string_view word) {
  std::string text;
  for (const char c : word) {
    if (c != '_' && c != '-' && c != ' ') text += base::to_lower(c);
  }
  return text;
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.empty() || word.size() > word_bytes_max) return {};
  const std::string wanted = plain(word);
  std::string_view best;
  std::size_t best_distance = wanted.size() <= 3 ? 1 : wanted.size() <= 6 ? 2 : 3;
  ++best_distance;
  for (const auto candidate : known) {
    const auto distance = edit_distance(wanted, plain(candidate));
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  if (!best.empty()) return std::string(best);
  for (const auto& foreign : foreign_words) {
    if (plain(foreign.word) == wanted && std::ranges::find(known, foreign.ours) != known.end()) {
      return std::string(foreign.ours);
    }
  }
  return {};
}

}  // namespace drawbridge::config
