#pragma once

#include "proxy/core/mode.h"
#include "proxy/core/snapshot.h"
#include "proxy/obs/counters.h"
#include "proxy/obs/histogram.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drawbridge::obs {

// What the exposition says that the workers' counters do not know.
struct ExposedSite {
  core::SiteId id = no_site;
  std::string name;
  core::Mode mode = core::Mode::live;
  std::string pool;                  // active
  std::uint64_t parked = 0;          // requests that wait for the end of a hold
  core::ClassCounts draining = {};   // what the last change still waits for, or has given up waiting for
  std::string cutover_stage = {};    // empty: none is under way
  std::string cutover_outcome = {};  // of the last one; empty: there was none since the start
};

struct ExposedSlice {
  std::string site;
  std::string match;
  std::string pool;
  core::ClassCounts forwarded;
};

struct ExposedServer {
  core::ServerId id = no_server;
  std::string pool;
  std::string address;  // as configured
  bool up = true;       // gets traffic, as far as its health goes
  core::ServerAdmin admin = core::ServerAdmin::ready;
};

struct ExposedCertificate {
  std::string listener;
  std::string file;
  double expires_seconds = 0;  // since 1970
};

struct Exposed {
  Totals totals;
  std::uint64_t epoch = 0;
  std::uint64_t workers = 0;
  std::uint64_t client_connections_max = 0;  // what is let in
  std::vector<ExposedSite> sites;
  std::vector<ExposedSlice> slices;
  std::vector<ExposedServer> servers;
  std::vector<ExposedCertificate> certificates;
  HistogramValue drains;                 // from publish to drained, of commands that drain
  std::uint64_t drains_outstanding = 0;  // that passed their deadline
  std::uint64_t access_log_lost = 0;
  bool access_log_failing = false;
  bool listening_sockets_kept = false;
  // Of the process: measure_process (process.h).
  std::uint64_t descriptors_open = 0;
  std::uint64_t descriptors_max = 0;
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;
  double start_seconds = 0;  // wall time of the start, since 1970
};

// The Prometheus text format, version 0.0.4 (content type below). All names start with "drawbridge_", but for the
// customary "process_" ones. Sites and servers that are not in `sites` and `servers` any more are left out.
std::string expose(const Exposed& exposed);

inline constexpr std::string_view exposition_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace drawbridge::obs
