#include "config/validate.h"

#include "config/nearest.h"
#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <map>

namespace drawbridge::config {
namespace {

// Collects problems by key path. A value that was left out is blamed on the nearest section that was written.
class Inspector {
 public:
  explicit Inspector(const Document& document, std::span<const Problem> known = {})
      : document_(document), known_(known) {}

  using Path = std::initializer_list<std::string_view>;

  void fail(Path path, std::string_view message, std::string_view suggestion = {}) {
    fail_at(place_of(path), path, message, suggestion);
  }

  void fail_at(Place place, Path path, std::string_view message, std::string_view suggestion = {}) {
    problems_.push_back(problem_at(document_, place, joined(path), message, suggestion));
  }

  // One of these keys of the section, or the section itself, was not read or may be meant by a misspelt one: its
  // value is perhaps a default that nobody chose.
  bool unsure(Path path, Path keys) const {
    const auto section = joined(path);
    const auto is_doubtful = [&](const Problem& problem) {
      if (problem.key == section) return true;
      if (!problem.key.starts_with(section + ".")) return false;
      const auto below = std::string_view(problem.key).substr(section.size() + 1);
      return std::ranges::any_of(keys, [&](std::string_view key) {
        return below.substr(0, below.find('.')) == key || problem.suggestion == key;
      });
    };
    return std::ranges::any_of(known_, is_doubtful);
  }

  // Lines that could not be read: what seems to be missing may have stood there.
  bool has_holes() const { return !document_.problems.empty(); }

  bool is_written(Path path) const { return find(document_.root, path) != nullptr; }

  // Item `index` of the list at `path`; the list itself if there is no such item, and its section without a list.
  Place item_place(Path path, std::size_t index) const {
    const Node& list = node_of(path);
    return is_written(path) && index < list.children.size() ? list.children[index].place : list.place;
  }

  const Node& node_of(Path path) const {
    const Node* node = &document_.root;
    for (const auto part : path) {
      const Node* next = node->find(part);
      if (next == nullptr) break;
      node = next;
    }
    return *node;
  }

  Place place_of(Path path) const { return node_of(path).place; }

  std::vector<Problem> take() { return std::move(problems_); }

 private:
  static std::string joined(Path path) {
    std::string key;
    for (const auto part : path) key += (key.empty() ? "" : ".") + std::string(part);
    return key;
  }

  const Document& document_;
  std::span<const Problem> known_;
  std::vector<Problem> problems_;
};

std::string nearest_pool(const Config& config, std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& pool : config.pools) names.emplace_back(pool.name);
  return nearest(name, names);
}

void check_references(Inspector& inspector, const Config& config, const Site& site) {
  const bool pools_are_known = !config.pools.empty() && !inspector.has_holes();  // without any it is said already
  if (pools_are_known && !site.pool.empty() && config.find_pool(site.pool) == nullptr) {
    inspector.fail({"site", site.name, "pool"}, fmt::format("there is no pool '{}'", site.pool),
                   nearest_pool(config, site.pool));
  }
  const auto& notice = site.maintenance.pool;
  if (pools_are_known && !notice.empty() && config.find_pool(notice) == nullptr) {
    inspector.fail({"site", site.name, "maintenance", "pool"}, fmt::format("there is no pool '{}'", notice),
                   nearest_pool(config, notice));
  }
  if (!notice.empty() && !site.maintenance.page.empty()) {
    inspector.fail({"site", site.name, "maintenance", "page"},
                   "'page' and 'pool' exclude each other: either a page is shown or the pool answers");
  }
  if (!config.server.pages_dir.empty() || inspector.has_holes()) return;
  if (inspector.unsure({"server"}, {"pages_dir"})) return;
  for (const auto section : {"readonly", "maintenance"}) {
    const auto& page = std::string_view(section) == "readonly" ? site.readonly.page : site.maintenance.page;
    if (page.empty()) continue;
    inspector.fail({"site", site.name, section, "page"},
                   fmt::format("the page '{}' has no folder: 'pages_dir' of [server] is not set", page));
  }
}

// A value that is written and its bound, which may be the default.
void check_bound(Inspector& inspector, const Site& site, std::string_view section, std::string_view key,
                 base::Millis value, std::string_view bound, base::Millis most) {
  if (value <= most || inspector.unsure({"site", site.name, section}, {key, bound})) return;
  const bool chosen = inspector.is_written({"site", site.name, section, bound});
  inspector.fail({"site", site.name, section, key},
                 fmt::format("'{}' ({}) is longer than '{}' ({}{})", key, base::format_duration(value), bound,
                             base::format_duration(most), chosen ? "" : " where it is left out"));
}

void check_bounds(Inspector& inspector, const Site& site) {
  check_bound(inspector, site, "hold", "max_wait", site.hold.max_wait, "max_total", site.hold.max_total);
  check_bound(inspector, site, "drain", "tunnel_spread", site.drain.tunnel_spread, "timeout", site.drain.timeout);
}

void check_rules(Inspector& inspector, const Site& site) {
  for (std::size_t i = 0; i < site.readonly.read.size(); ++i) {
    const auto& rule = site.readonly.read[i];
    if (std::ranges::find(site.readonly.write, rule) == site.readonly.write.end()) continue;
    inspector.fail_at(inspector.item_place({"site", site.name, "readonly", "read"}, i),
                      {"site", site.name, "readonly", "read"},
                      fmt::format("the rule '{}' stands under 'write' too, which wins", rule));
  }
}

void check_claims(Inspector& inspector, const Config& config) {
  std::map<std::pair<std::string, std::string>, std::string_view> owners;
  for (const auto& site : config.sites) {
    if (inspector.unsure({"site", site.name}, {"hosts", "paths"})) continue;
    const auto hosts = site.hosts.empty() ? std::vector<std::string>{"any host"} : site.hosts;
    for (std::size_t h = 0; h < hosts.size(); ++h) {
      for (std::size_t p = 0; p < site.paths.size(); ++p) {
        const auto [owner, fresh] = owners.try_emplace({hosts[h], site.paths[p]}, site.name);
        if (fresh) continue;
        const bool by_path = site.hosts.empty() || inspector.node_of({"site", site.name, "hosts"}).children.empty();
        const auto key = by_path ? "paths" : "hosts";
        inspector.fail_at(inspector.item_place({"site", site.name, key}, by_path ? p : h), {"site", site.name, key},
                          fmt::format("{} with path {} belongs to the site '{}' already", hosts[h], site.paths[p],
                                      owner->second));
      }
    }
  }
}

void check_listeners(Inspector& inspector, const Config& config) {
  if (inspector.unsure({"listener"}, {"address"})) return;
  const auto& list = inspector.node_of({"listener"});
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto& address = config.listeners[i].address;
    const auto [first, fresh] = seen.try_emplace(address, i);
    if (fresh || address.ends_with(":0")) continue;
    const Node* value = i < list.children.size() ? list.children[i].find("address") : nullptr;
    inspector.fail_at(value != nullptr ? value->place : list.place, {"listener", "address"},
                      fmt::format("there is a listener on {} already", address));
  }
  const auto& metrics = config.server.metrics;
  if (!metrics.ends_with(":0") && seen.contains(metrics)) {
    inspector.fail({"server", "metrics"}, fmt::format("{} is the address of a listener", metrics));
  }
}

const Node& item_of(const Node& list, std::size_t index) {
  return index < list.children.size() ? list.children[index] : list;
}

// The value of the key in the table; the table itself if it is not there.
Place place_in(const Node& table, std::string_view key) {
  const auto* value = table.find(key);
  return value != nullptr ? value->place : table.place;
}

void check_client_certificates(Inspector& inspector, const Config& config) {
  if (inspector.has_holes() || inspector.unsure({"listener"}, {"address", "tls"})) return;
  const auto& list = inspector.node_of({"listener"});
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto& tls = config.listeners[i].tls;
    const bool asked = tls.client_certificates != ClientCertificates::none;
    if (asked == !tls.client_ca.empty()) continue;
    const auto* table = item_of(list, i).find("tls");
    const auto key = asked ? "client_certificates" : "client_ca";
    const auto missing = asked ? "client_ca" : "client_certificates";
    inspector.fail_at(table != nullptr ? place_in(*table, key) : list.place, {"listener", "tls", key},
                      fmt::format("'{}' wants '{}' beside it", key, missing));
  }
}

void check_site_certificate(Inspector& inspector, const Config& config, const Site& site) {
  if (site.client_certificate != SiteCertificate::required || inspector.has_holes()) return;
  if (inspector.unsure({"listener"}, {"address", "tls"})) return;
  const auto asks = [](const Listener& listener) {
    return listener.tls.client_certificates != ClientCertificates::none;
  };
  if (std::ranges::any_of(config.listeners, asks)) return;
  inspector.fail({"site", site.name, "client_certificate"},
                 "no listener asks for client certificates ('client_certificates' of its 'tls')");
}

void check_proxy_protocol(Inspector& inspector, const Config& config) {
  if (inspector.has_holes()) return;
  if (inspector.unsure({"listener"}, {"address", "proxy_protocol", "proxy_protocol_from"})) return;
  const auto& list = inspector.node_of({"listener"});
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto& listener = config.listeners[i];
    if (listener.proxy_protocol != listener.proxy_protocol_from.empty()) continue;
    const auto key = listener.proxy_protocol ? "proxy_protocol" : "proxy_protocol_from";
    inspector.fail_at(place_in(item_of(list, i), key), {"listener", key},
                      listener.proxy_protocol
                          ? "'proxy_protocol' wants 'proxy_protocol_from', the balancers' networks"
                          : "'proxy_protocol_from' wants 'proxy_protocol = true'");
  }
}

void check_listener_files(Inspector& inspector, const Config& config, const FileChecks& checks) {
  if (inspector.unsure({"listener"}, {"address", "tls"})) return;
  const auto& list = inspector.node_of({"listener"});
  for (std::size_t i = 0; i < config.listeners.size() && checks.listener; ++i) {
    const auto& tls = config.listeners[i].tls;
    const auto flaw = tls.certificates.empty() ? std::nullopt : checks.listener(tls);
    if (!flaw) continue;
    const auto* table = item_of(list, i).find("tls");
    const auto* certificates = table != nullptr ? table->find("certificates") : nullptr;
    const bool of_one = certificates != nullptr && flaw->key != "client_ca" && flaw->key != "ciphers";
    const Node& owner = of_one ? item_of(*certificates, flaw->index) : table != nullptr ? *table : list;
    inspector.fail_at(place_in(owner, flaw->key), {"listener", "tls", flaw->key}, flaw->message);
  }
}

void check_pool_connections(Inspector& inspector, const Pool& pool) {
  const auto& tls = pool.tls;
  if (tls.on && pool.protocol == PoolProtocol::h2c) {
    inspector.fail({"pool", pool.name, "protocol"},
                   "\"h2c\" is HTTP/2 without TLS, and the pool has 'tls'; with it write \"h2\"");
  }
  const bool unsure = inspector.has_holes() || inspector.unsure({"pool", pool.name}, {"tls"});
  if (!tls.on && pool.protocol == PoolProtocol::h2 && !unsure) {
    inspector.fail({"pool", pool.name, "protocol"},
                   "\"h2\" is HTTP/2 over TLS and wants 'tls' in the pool; without TLS write \"h2c\"");
  }
  if (pool.send_proxy != SendProxy::off && pool.protocol != PoolProtocol::http1) {
    inspector.fail({"pool", pool.name, "send_proxy"},
                   "a PROXY header names one client, and a connection of HTTP/2 carries the requests of many");
  }
  if (tls.certificate.empty() == tls.key.empty() || unsure) return;
  const auto there = tls.key.empty() ? "certificate" : "key";
  inspector.fail({"pool", pool.name, "tls", there},
                 fmt::format("'{}' wants '{}' beside it", there, tls.key.empty() ? "key" : "certificate"));
}

void check_pool_files(Inspector& inspector, const Config& config, const FileChecks& checks) {
  for (const auto& pool : config.pools) {
    if (!pool.tls.on || !checks.pool || inspector.unsure({"pool", pool.name}, {"tls"})) continue;
    const auto flaw = checks.pool(pool.tls);
    if (flaw) inspector.fail({"pool", pool.name, "tls", flaw->key}, flaw->message);
  }
}

void check_group(Inspector& inspector, const Server& server, const FileChecks& checks) {
  if (server.admin_group.empty() || !checks.group) return;
  if (auto flaw = checks.group(server.admin_group)) inspector.fail({"server", "admin_group"}, *flaw);
}

void check_page_folder(Inspector& inspector, const Config& config, const Site& site, std::string_view section,
                       const std::string& page) {
  if (page.empty()) return;
  const auto folder = std::filesystem::path(config.server.pages_dir) / page;
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return;
  std::vector<std::string> found;
  for (std::filesystem::directory_iterator entry(config.server.pages_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    if (found.size() < 100) found.push_back(entry->path().filename().string());
  }
  const std::vector<std::string_view> names(found.begin(), found.end());
  inspector.fail({"site", site.name, section, "page"}, fmt::format("there is no folder {}", folder.string()),
                 nearest(page, names));
}

void check_head_limits(Inspector& inspector, const Limits& limits) {
  if (limits.request_line_bytes <= limits.request_head_bytes) return;
  if (inspector.unsure({"limits"}, {"request_line_bytes", "request_head_bytes"})) return;
  const bool chosen = inspector.is_written({"limits", "request_head_bytes"});
  inspector.fail({"limits", "request_line_bytes"},
                 fmt::format("'request_line_bytes' ({}) is more than 'request_head_bytes' ({}{})",
                             format_size(limits.request_line_bytes), format_size(limits.request_head_bytes),
                             chosen ? "" : " where it is left out"));
}

}  // namespace

void follow_bounds(const Document& document, Config& config) {
  const auto follow = [&](std::initializer_list<std::string_view> path, auto& value, auto bound) {
    if (find(document.root, path) == nullptr) value = std::min(value, bound);
  };
  follow({"limits", "request_line_bytes"}, config.limits.request_line_bytes, config.limits.request_head_bytes);
  for (auto& site : config.sites) {
    follow({"site", site.name, "hold", "max_wait"}, site.hold.max_wait, site.hold.max_total);
    follow({"site", site.name, "drain", "tunnel_spread"}, site.drain.tunnel_spread, site.drain.timeout);
  }
}

std::vector<Problem> validate(const Document& document, const Config& config, std::span<const Problem> known) {
  Inspector inspector(document, known);
  check_head_limits(inspector, config.limits);
  for (const auto& site : config.sites) {
    check_references(inspector, config, site);
    check_bounds(inspector, site);
    check_rules(inspector, site);
    check_site_certificate(inspector, config, site);
  }
  check_claims(inspector, config);
  for (const auto& pool : config.pools) check_pool_connections(inspector, pool);
  check_listeners(inspector, config);
  check_client_certificates(inspector, config);
  check_proxy_protocol(inspector, config);
  return inspector.take();
}

std::vector<Problem> validate_disk(const Document& document, const Config& config, const FileChecks& checks,
                                   std::span<const Problem> known) {
  Inspector inspector(document, known);
  check_group(inspector, config.server, checks);
  check_listener_files(inspector, config, checks);
  check_pool_files(inspector, config, checks);
  const auto& pages_dir = config.server.pages_dir;
  if (pages_dir.empty()) return inspector.take();
  std::error_code error;
  if (!std::filesystem::is_directory(pages_dir, error)) {
    inspector.fail({"server", "pages_dir"}, fmt::format("there is no folder {}", pages_dir));
    return inspector.take();
  }
  for (const auto& site : config.sites) {
    check_page_folder(inspector, config, site, "readonly", site.readonly.page);
    if (!site.maintenance.pool.empty()) continue;  // together they are an error already
    check_page_folder(inspector, config, site, "maintenance", site.maintenance.page);
  }
  return inspector.take();
}

}  // namespace drawbridge::config
