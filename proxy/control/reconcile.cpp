#include "proxy/control/reconcile.h"

#include "proxy/base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::control {

core::Mode initial_mode(config::InitialMode mode) {
  switch (mode) {
    case config::InitialMode::live:
      return core::Mode::live;
    case config::InitialMode::readonly:
      return core::Mode::readonly;
    case config::InitialMode::maintenance:
      return core::Mode::maintenance;
  }
  return core::Mode::maintenance;
}

namespace {

SiteState initial_state(const config::Site& site, base::WallTime now) {
  SiteState state;
  state.mode.mode = initial_mode(site.mode);
  state.mode.since = now;
  state.mode.by = "config";
  state.pool = site.pool;
  return state;
}

base::Error pool_is_gone(const std::string& site, const std::string& pool) {
  return {
      fmt::format("site {}: its active pool '{}' is not in the configuration; keep [pool.{}] until the site has "
                  "been moved to another pool",
                  site, pool, pool)};
}

// Of a site that the configuration had: its slices must have their pools. Of one that comes back they are dropped
// with pools that are gone, as its own pool is.
base::Expected<void> fit_slices(const config::Config& config, const std::string& name, bool was_configured,
                                std::vector<SliceState>& slices, Reconciled& fitted) {
  for (auto slice = slices.begin(); slice != slices.end();) {
    if (config.find_pool(slice->pool) != nullptr) {
      ++slice;
      continue;
    }
    if (was_configured) {
      return std::unexpected(base::Error{fmt::format(
          "site {}: the pool '{}' of its slice {} is not in the configuration; keep [pool.{}] until the slice has "
          "been moved or rolled back",
          name, slice->pool, slice->match, slice->pool)});
    }
    fitted.notes.push_back({"slice_dropped", name + " " + slice->match});
    slice = slices.erase(slice);
  }
  return {};
}

base::Expected<void> fit_sites(const config::Config& config, base::WallTime now, Reconciled& fitted) {
  for (const auto& site : config.sites) {
    const auto [found, is_new] = fitted.state.sites.try_emplace(site.name);
    auto& state = found->second;
    if (is_new) {
      state = initial_state(site, now);
      fitted.notes.push_back({"site_added", site.name});
      continue;
    }
    const bool was_configured = std::exchange(state.configured, true);
    if (!was_configured) fitted.notes.push_back({"site_back", site.name});
    if (auto fits = fit_slices(config, site.name, was_configured, state.slices, fitted); !fits) return fits;
    if (config.find_pool(state.pool) != nullptr) continue;
    if (was_configured) return std::unexpected(pool_is_gone(site.name, state.pool));
    state.pool = site.pool;
    fitted.notes.push_back({"site_pool_replaced", site.name});
  }
  return {};
}

void retire_sites(const config::Config& config, Reconciled& fitted) {
  std::size_t kept = 0;
  for (auto site = fitted.state.sites.begin(); site != fitted.state.sites.end();) {
    if (config.find_site(site->first) != nullptr) {
      ++site;
      continue;
    }
    if (std::exchange(site->second.configured, false)) fitted.notes.push_back({"site_kept", site->first});
    if (++kept <= base::limits::sites_max) {
      ++site;
      continue;
    }
    fitted.notes.push_back({"site_dropped", site->first});
    site = fitted.state.sites.erase(site);
  }
}

void retire_servers(const config::Config& config, Reconciled& fitted) {
  std::erase_if(fitted.state.servers, [&](const auto& entry) {
    const auto& [pool_name, address] = entry.first;
    const auto* pool = config.find_pool(pool_name);
    const bool known = pool != nullptr && std::ranges::find(pool->servers, address, &config::PoolServer::address) !=
                                              pool->servers.end();
    if (!known) fitted.notes.push_back({"server_state_dropped", pool_name + " " + address});
    return !known;
  });
}

}  // namespace

base::Expected<Reconciled> reconcile(const config::Config& config, State state, base::WallTime now) {
  Reconciled fitted{.state = std::move(state), .notes = {}};
  if (const auto fits = fit_sites(config, now, fitted); !fits) return std::unexpected(fits.error());
  retire_sites(config, fitted);
  retire_servers(config, fitted);
  return fitted;
}

State all_in_maintenance(const config::Config& config, base::WallTime now) {
  State state;
  for (const auto& site : config.sites) {
    auto& kept = state.sites[site.name] = initial_state(site, now);
    kept.mode.mode = core::Mode::maintenance;
    kept.mode.by = recovery_name;
  }
  return state;
}

}  // namespace drawbridge::control
