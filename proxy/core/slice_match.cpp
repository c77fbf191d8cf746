#include "proxy/core/slice_match.h"

#include "proxy/base/ascii.h"
#include "proxy/core/bucket.h"
#include "proxy/core/readings.h"

#include <algorithm>
#include <span>

namespace drawbridge::core {
namespace {

using Fit = SliceMatch::Fit;

// Adds up what the ways to read a request say.
class Votes {
 public:
  void add(bool match) { (match ? yes_ : no_) = true; }
  Fit fit() const {
    if (yes_ && no_) return Fit::maybe;
    return yes_ ? Fit::yes : Fit::no;
  }

 private:
  bool yes_ = false, no_ = false;
};

char dashed(char c) {
  return c == '_' ? '-' : base::to_lower(c);
}

// Servers behind CGI, WSGI or PHP read "X_Tenant" as X-Tenant.
bool is_disguise(std::string_view field, std::string_view name) {
  return std::equal(field.begin(), field.end(), name.begin(), name.end(),
                    [](char a, char b) { return dashed(a) == dashed(b); });
}

// Of "acme, other": lines of one field are one list to some servers, and the list's head to others.
bool has_member(std::string_view list, std::string_view value) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (base::trim(list.substr(0, comma)) == value) return true;
    list.remove_prefix(std::min(list.size(), comma + 1));
  }
  return false;
}

std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

// Calls `visit` with each value of a cookie (RFC 6265 section 5.4), quotes taken off.
template <class Visit>
void for_each_cookie(const RequestFacts& facts, std::string_view name, Visit&& visit) {
  if (facts.headers == nullptr || !facts.headers->has(http::Field::cookie)) return;
  for (const auto& header : facts.headers->all()) {
    if (header.field != http::Field::cookie || header.hop_by_hop) continue;
    for (auto rest = header.value; !rest.empty();) {
      const auto end = std::min(rest.find(';'), rest.size());
      const auto pair = rest.substr(0, end);
      rest.remove_prefix(std::min(rest.size(), end + 1));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || base::trim(pair.substr(0, equals)) != name) continue;
      visit(unquoted(base::trim(pair.substr(equals + 1))));
    }
  }
}

// Hosts in the form of the configuration, "*.example.com" included, that have a host in common.
bool hosts_meet(std::string_view a, std::string_view b) {
  const bool wild_a = a.starts_with("*."), wild_b = b.starts_with("*.");
  if (!wild_a && !wild_b) return base::iequals(a, b);
  if (wild_a && wild_b) {
    const auto shorter = std::min(a.size(), b.size()) - 1;
    return base::iequals(a.substr(a.size() - shorter), b.substr(b.size() - shorter));
  }
  const auto suffix = (wild_a ? a : b).substr(1);
  const auto host = wild_a ? b : a;
  return host.size() > suffix.size() && base::iequals(host.substr(host.size() - suffix.size()), suffix);
}

// Two beginnings of paths, where one is "/eu" as a whole and the other what stands before a star.
bool paths_meet(std::string_view a, std::string_view b) {
  const auto common = std::min(a.size(), b.size());
  return a.substr(0, common) == b.substr(0, common);
}

bool globs_meet(const Glob& a, const Glob& b) {
  if (a.is_literal()) return b.matches(a.head());
  if (b.is_literal()) return a.matches(b.head());
  return paths_meet(a.head(), b.head());
}

// A site's prefix covers itself and what lies below it.
bool meets_prefix(const Glob& glob, std::string_view path) {
  auto prefix = normal_form(path);
  if (prefix.ends_with('/')) prefix.pop_back();
  const auto head = glob.head();
  if (!glob.is_literal() && std::string_view(prefix).starts_with(head)) return true;
  return head == prefix || (head.starts_with(prefix) && head[prefix.size()] == '/');
}

}  // namespace

Fit SliceMatch::fits(const RequestFacts& facts, const Readings& readings) const {
  switch (kind_) {
    case Kind::header:
    case Kind::cookie:
      return fits(values_in(facts));
    case Kind::host:
      return host_matches(facts.host) ? Fit::yes : Fit::no;
    case Kind::path:
      return fits_path(readings);
    case Kind::percent:
      return fits_percent(facts);
  }
  return Fit::no;
}

// What Connection names is not forwarded: no server sees it.
SliceMatch::Values SliceMatch::values_in(const RequestFacts& facts) const {
  Values values;
  const auto add = [&](std::string_view value) {
    values.has_more = values.has_more || values.count == Values::count_max;
    if (!values.has_more) values.list[values.count++] = value;
  };
  if (kind_ == Kind::cookie) {
    values.is_plain = true;
    for_each_cookie(facts, name_, add);
  } else if (facts.headers != nullptr) {
    for (const auto& header : facts.headers->all()) {
      if (header.hop_by_hop || !is_disguise(header.name, name_)) continue;
      values.is_plain = values.is_plain || base::iequals(header.name, name_);
      add(header.value);
    }
  }
  return values;
}

Fit SliceMatch::fits(const Values& values) const {
  if (values.has_more) return Fit::maybe;
  Votes votes;
  for (const auto value : std::span(values.list).first(values.count)) {
    const bool whole = value == value_;
    votes.add(whole);
    if (!whole && kind_ == Kind::header && has_member(value, value_)) votes.add(true);
  }
  // Servers that do not read the disguise see nothing.
  if (!values.is_plain) votes.add(false);
  return votes.fit();
}

Fit SliceMatch::fits_path(const Readings& readings) const {
  Votes votes;
  for (const auto reading : readings.all()) {
    votes.add(std::any_of(globs_.begin(), globs_.end(), [&](const Glob& glob) { return glob.matches(reading); }));
  }
  return readings.unjudgeable() ? Fit::maybe : votes.fit();
}

// No server has a say in it, so there is nothing to doubt: of several values the first one counts.
Fit SliceMatch::fits_percent(const RequestFacts& facts) const {
  std::string_view first;
  if (!name_.empty()) {
    for_each_cookie(facts, name_, [&](std::string_view value) { first = first.empty() ? value : first; });
  }
  const auto client = facts.client != nullptr ? *facts.client : http::IpAddress{};
  const auto bucket = first.empty() ? bucket_of(client) : bucket_of(first);
  return bucket < hundredths_ ? Fit::yes : Fit::no;
}

bool SliceMatch::host_matches(std::string_view host) const {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!name_.starts_with("*.")) return base::iequals(host, name_);
  const auto suffix = std::string_view(name_).substr(1);
  return host.size() > suffix.size() && base::iequals(host.substr(host.size() - suffix.size()), suffix);
}

bool SliceMatch::may_overlap(const SliceMatch& other) const {
  if (kind_ != other.kind_) return true;
  switch (kind_) {
    case Kind::header:
      return !base::iequals(name_, other.name_) || value_ == other.value_;
    case Kind::cookie:
      return name_ != other.name_ || value_ == other.value_;
    case Kind::host:
      return hosts_meet(name_, other.name_);
    case Kind::path:
      return std::any_of(globs_.begin(), globs_.end(), [&](const Glob& glob) {
        return std::any_of(other.globs_.begin(), other.globs_.end(),
                           [&](const Glob& one) { return globs_meet(glob, one); });
      });
    case Kind::percent:
      return true;
  }
  return true;
}

bool SliceMatch::may_be_of(const std::vector<std::string>& hosts, const std::vector<std::string>& paths) const {
  if (kind_ == Kind::host) {
    return hosts.empty() ||
           std::any_of(hosts.begin(), hosts.end(), [&](const auto& host) { return hosts_meet(name_, host); });
  }
  if (kind_ != Kind::path || paths.empty()) return true;
  return std::any_of(globs_.begin(), globs_.end(), [&](const Glob& glob) {
    return std::any_of(paths.begin(), paths.end(), [&](const auto& path) { return meets_prefix(glob, path); });
  });
}

}  // namespace drawbridge::core
