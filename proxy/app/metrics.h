#pragma once

#include "proxy/base/time.h"
#include "proxy/control/status.h"
#include "proxy/core/parking_lot.h"
#include "proxy/obs/access_log.h"
#include "proxy/obs/counters.h"
#include "proxy/obs/exposition.h"
#include "proxy/upstream/health_board.h"

namespace drawbridge::app {

// Where the numbers of the exposition come from.
struct MetricsFacts {
  control::Status status;
  const upstream::HealthBoard& board;
  const obs::Registry& registry;
  const obs::AccessLog& access_log;
  const core::ParkedCounts& parked;
  obs::HistogramValue drains;
  std::size_t workers = 1;
  std::uint64_t client_connections_max = 0;
  std::vector<control::CertificateStatus> certificates;
  bool sockets_kept = false;
  base::Now started;
};

// Control thread: reads the board.
obs::Exposed expose_facts(const MetricsFacts& facts);

}  // namespace drawbridge::app
