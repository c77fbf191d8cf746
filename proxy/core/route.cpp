#include "proxy/core/route.h"

#include "proxy/base/ascii.h"
#include "proxy/core/readings.h"

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>
#include <utility>

namespace drawbridge::core {
namespace {

// RFC 1035 section 2.3.4, and a little room for literals of addresses.
constexpr std::size_t host_bytes_max = 256;

using Match = RouteTable::Match;

// The prefixes of one host, sorted. The root is the empty prefix, others have no slash at their end.
class Prefixes {
 public:
  void add(std::string prefix, std::uint32_t site) {
    const auto at = std::lower_bound(list_.begin(), list_.end(), prefix, before);
    if (at != list_.end() && at->first == prefix) return;
    longest_ = std::max(longest_, prefix.size());
    list_.emplace(at, std::move(prefix), site);
  }

  // From the longest prefix that could be listed to the shortest, one search a segment border.
  Match find(std::string_view path) const {
    auto end = path.size();
    if (end > longest_) end = border_before(path, longest_ + 1);
    for (;;) {
      const auto prefix = path.substr(0, end);
      const auto at = std::lower_bound(list_.begin(), list_.end(), prefix, before);
      if (at != list_.end() && at->first == prefix) {
        return {.site = at->second, .prefix_bytes = static_cast<std::uint32_t>(end)};
      }
      if (end == 0) return {};
      end = border_before(path, end);
    }
  }

 private:
  using Entry = std::pair<std::string, std::uint32_t>;

  static bool before(const Entry& entry, std::string_view prefix) { return entry.first < prefix; }

  // The last slash below `end`, or 0.
  static std::size_t border_before(std::string_view path, std::size_t end) {
    const auto slash = path.substr(0, end).rfind('/');
    return slash == std::string_view::npos ? 0 : slash;
  }

  std::vector<Entry> list_;
  std::size_t longest_ = 0;
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

using Hosts = std::unordered_map<std::string, Prefixes, Hash, std::equal_to<>>;

std::string_view without_dot(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = base::to_lower(c);
  return out;
}

std::string stored_prefix(std::string_view path) {
  auto prefix = normal_form(path);
  if (prefix.ends_with('/')) prefix.pop_back();
  return prefix;
}

Match find_host(const Hosts& hosts, std::string_view host, std::string_view path) {
  const auto at = hosts.find(host);
  return at == hosts.end() ? Match{} : at->second.find(path);
}

}  // namespace

struct RouteTable::Index {
  Hosts exact;
  Hosts suffix;  // ".example.com" for "*.example.com"
  Prefixes any;

  Prefixes& of(std::string_view host) {
    if (host.starts_with("*.")) return suffix[lower(without_dot(host.substr(1)))];
    return exact[lower(without_dot(host))];
  }

  Match find(std::string_view host, std::string_view path) const {
    if (const auto match = find_host(exact, host, path); match.site != Match::none) return match;
    if (!suffix.empty()) {
      for (auto dot = host.find('.', 1); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
        const auto match = find_host(suffix, host.substr(dot), path);
        if (match.site != Match::none) return match;
      }
    }
    return any.find(path);
  }
};

RouteTable::RouteTable() = default;
RouteTable::~RouteTable() = default;
RouteTable::RouteTable(RouteTable&&) noexcept = default;
RouteTable& RouteTable::operator=(RouteTable&&) noexcept = default;

RouteTable::RouteTable(const std::vector<Claim>& claims) : index_(std::make_unique<Index>()) {
  static const std::vector<std::string> root{"/"};
  for (std::uint32_t site = 0; site < claims.size(); ++site) {
    const auto& claim = claims[site];
    for (const auto& path : claim.paths.empty() ? root : claim.paths) {
      const auto prefix = stored_prefix(path);
      if (claim.hosts.empty()) index_->any.add(prefix, site);
      for (const auto& host : claim.hosts) index_->of(host).add(prefix, site);
    }
  }
}

RouteTable::Match RouteTable::find(std::string_view host, std::string_view path) const {
  if (index_ == nullptr) return {};
  host = without_dot(host);
  std::array<char, host_bytes_max> folded;
  if (host.size() > folded.size()) return index_->any.find(path);
  std::transform(host.begin(), host.end(), folded.begin(), base::to_lower);
  return index_->find({folded.data(), host.size()}, path);
}

}  // namespace drawbridge::core
