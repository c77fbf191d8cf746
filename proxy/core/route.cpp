#include "proxy/core/route.h"

#include "proxy/base/ascii.h"
#include "proxy/core/readings.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace drawbridge::core {
namespace {

// RFC 1035 section 2.3.4, and a little room for literals of addresses.
constexpr std::size_t host_bytes_max = 256;

using Match = RouteTable::Match;

// The prefixes of one host, sorted. The root is apart, others have no slash at their end.
class Prefixes {
 public:
  void add(std::string prefix, std::uint32_t site) {
    if (prefix.empty()) {
      if (root_ == Match::none) root_ = site;
      return;
    }
    const auto at = std::lower_bound(list_.begin(), list_.end(), prefix, before);
    if (at != list_.end() && at->first == prefix) return;
    longest_ = std::max(longest_, prefix.size());
    list_.emplace(at, std::move(prefix), site);
  }

  // From the longest prefix that could be listed to the shortest, one search a segment border.
  Match find(std::string_view path) const {
    auto end = path.size();
    if (end > longest_) end = longest_ == 0 ? 0 : border_before(path, longest_ + 1);
    for (; end > 0; end = border_before(path, end)) {
      const auto prefix = path.substr(0, end);
      const auto at = std::lower_bound(list_.begin(), list_.end(), prefix, before);
      if (at != list_.end() && at->first == prefix) {
        return {.site = at->second, .prefix_bytes = static_cast<std::uint32_t>(end)};
      }
    }
    return {.site = root_, .prefix_bytes = 0};
  }

 private:
  using Entry = std::pair<std::string, std::uint32_t>;

  static bool before(const Entry& entry, std::string_view prefix) { return entry.first < prefix; }

  // The last slash below `end`, or 0.
  static std::size_t border_before(std::string_view path, std::size_t end) {
    const auto slash = path.substr(0, end).rfind('/');
    return slash == std::string_view::npos ? 0 : slash;
  }

  std::uint32_t root_ = Match::none;
  std::size_t longest_ = 0;
  std::vector<Entry> list_;
};

// Prefixes by host. Open addressing, and all names in one text: with a thousand hosts asked in turn, what is read
// of each is in the cache, where nodes of their own would be five lines of memory one after the other.
class Hosts {
 public:
  bool empty() const { return hosts_.empty(); }

  Prefixes& operator[](std::string_view name) {
    if (auto* known = find_host(name)) return known->prefixes;
    hosts_.push_back({.name_at = static_cast<std::uint32_t>(names_.size()),
                      .name_bytes = static_cast<std::uint32_t>(name.size()),
                      .prefixes = {}});
    names_ += name;
    if (hosts_.size() * 2 > slots_.size()) make_slots();
    place(hosts_.size() - 1);
    return hosts_.back().prefixes;
  }

  Match find(std::string_view name, std::string_view path) const {
    const auto* host = find_host(name);
    return host == nullptr ? Match{} : host->prefixes.find(path);
  }

 private:
  struct Host {
    std::uint32_t name_at, name_bytes;  // in names_
    Prefixes prefixes;
  };
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t host = Match::none;
  };

  static std::uint32_t hash_of(std::string_view name) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>{}(name));
  }
  std::string_view name_of(const Host& host) const {
    return std::string_view(names_).substr(host.name_at, host.name_bytes);
  }

  const Host* find_host(std::string_view name) const {
    if (hosts_.empty()) return nullptr;
    const auto hash = hash_of(name);
    for (auto at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      const auto& slot = slots_[at];
      if (slot.host == Match::none) return nullptr;
      if (slot.hash == hash && name_of(hosts_[slot.host]) == name) return &hosts_[slot.host];
    }
  }
  Host* find_host(std::string_view name) { return const_cast<Host*>(std::as_const(*this).find_host(name)); }

  void place(std::size_t index) {
    const auto hash = hash_of(name_of(hosts_[index]));
    auto at = hash & (slots_.size() - 1);
    while (slots_[at].host != Match::none) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {.hash = hash, .host = static_cast<std::uint32_t>(index)};
  }

  // Never more than half full: a search ends.
  void make_slots() {
    slots_.assign(std::max<std::size_t>(slots_.size() * 2, 16), {});
    for (std::size_t i = 0; i + 1 < hosts_.size(); ++i) place(i);
  }

  std::vector<Slot> slots_;
  std::vector<Host> hosts_;
  std::string names_;
};

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
    if (const auto match = exact.find(host, path); match.site != Match::none) return match;
    if (!suffix.empty()) {
      for (auto dot = host.find('.', 1); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
        const auto match = suffix.find(host.substr(dot), path);
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
