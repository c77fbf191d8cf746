#pragma once

#include "proxy/control/controller.h"
#include "proxy/obs/counters.h"
#include "proxy/upstream/server_watch.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace drawbridge::app {

// What cutovers ask of servers and counters, in the words of control/. Control thread.
void probe_servers(upstream::ServerWatch& watch, const std::vector<core::ServerId>& servers,
                   const std::string& path,
                   std::function<void(std::vector<control::Controller::Parts::Found>)> done);
control::Cutovers::Served served_of(const obs::Registry& registry, core::SiteId site);
std::uint64_t slice_writes_of(const obs::Registry& registry, core::SliceId slice);
core::WatchSample answered_by(const obs::Registry& registry, core::PoolId pool);

}  // namespace drawbridge::app
