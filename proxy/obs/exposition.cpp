#include "proxy/obs/exposition.h"

#include "proxy/obs/metric_text.h"

#include <algorithm>
#include <array>
#include <map>

namespace drawbridge::obs {
namespace {

using Type = MetricText::Type;

constexpr std::array all_modes{core::Mode::live, core::Mode::readonly, core::Mode::hold, core::Mode::maintenance};
constexpr std::array all_classes{core::RequestClass::read, core::RequestClass::write, core::RequestClass::tunnel};

// The counted sites that still exist, with their names; requests of no site have the name "".
struct NamedSite {
  std::string_view name;
  const SiteTotals* totals;
};

std::vector<NamedSite> named_sites(const Exposed& exposed) {
  std::map<core::SiteId, std::string_view> names{{no_site, ""}};
  for (const auto& site : exposed.sites) names.emplace(site.id, site.name);
  std::vector<NamedSite> named;
  for (const auto& totals : exposed.totals.sites) {
    const auto found = names.find(totals.id);
    if (found != names.end()) named.push_back({found->second, &totals});
  }
  return named;
}

void put_state(MetricText& text, const Exposed& exposed) {
  text.family("drawbridge_build_info", Type::gauge, "Always 1; the version is a label.");
  text.sample({{"version", DRAWBRIDGE_VERSION}}, std::uint64_t{1});
  text.single("drawbridge_workers", Type::gauge, "Data path threads.", exposed.workers);
  text.single("drawbridge_client_connections_max", Type::gauge,
              "Client connections that are let in: limits.connections, or what the descriptors carry.",
              exposed.client_connections_max);
  text.single("drawbridge_epoch", Type::gauge, "Number of the published snapshot.", exposed.epoch);
  text.family("drawbridge_site_mode", Type::gauge, "1 for the mode the site is in, 0 for the others.");
  for (const auto& site : exposed.sites) {
    for (const auto mode : all_modes) {
      text.sample({{"site", site.name}, {"mode", core::name(mode)}}, std::uint64_t{site.mode == mode});
    }
  }
  text.family("drawbridge_site_pool", Type::gauge, "Always 1; the active pool is a label.");
  for (const auto& site : exposed.sites) {
    text.sample({{"site", site.name}, {"pool", site.pool}}, std::uint64_t{1});
  }
}

void put_changes(MetricText& text, const Exposed& exposed) {
  text.family("drawbridge_requests_parked", Type::gauge, "Requests that wait for the end of a hold.");
  for (const auto& site : exposed.sites) text.sample({{"site", site.name}}, site.parked);
  text.family("drawbridge_drain_open", Type::gauge,
              "Requests that the last change waits for, or has given up waiting for; up to a second old.");
  for (const auto& site : exposed.sites) {
    for (const auto request_class : all_classes) {
      text.sample({{"site", site.name}, {"class", core::name(request_class)}}, site.draining[request_class]);
    }
  }
  text.family("drawbridge_cutover_stage", Type::gauge, "1 while a cutover is under way; its stage is a label.");
  for (const auto& site : exposed.sites) {
    if (!site.cutover_stage.empty()) {
      text.sample({{"site", site.name}, {"stage", site.cutover_stage}}, std::uint64_t{1});
    }
  }
  text.family("drawbridge_cutover_last_outcome", Type::gauge,
              "Always 1; how the last cutover since the start ended is a label.");
  for (const auto& site : exposed.sites) {
    if (!site.cutover_outcome.empty()) {
      text.sample({{"site", site.name}, {"outcome", site.cutover_outcome}}, std::uint64_t{1});
    }
  }
}

void put_slices(MetricText& text, const Exposed& exposed) {
  text.family("drawbridge_slice_pool", Type::gauge, "Always 1; the pool of a part of a site is a label.");
  for (const auto& slice : exposed.slices) {
    text.sample({{"site", slice.site}, {"slice", slice.match}, {"pool", slice.pool}}, std::uint64_t{1});
  }
  text.family("drawbridge_slice_requests_total", Type::counter, "Requests of a part of a site sent to its pool.");
  for (const auto& slice : exposed.slices) {
    for (const auto request_class : all_classes) {
      text.sample({{"site", slice.site}, {"slice", slice.match}, {"class", core::name(request_class)}},
                  slice.forwarded[request_class]);
    }
  }
}

void put_certificates(MetricText& text, const Exposed& exposed) {
  if (exposed.certificates.empty()) return;
  text.family("drawbridge_certificate_expires_timestamp_seconds", Type::gauge,
              "When a certificate that a listener shows expires, in seconds since 1970.");
  for (const auto& one : exposed.certificates) {
    text.sample({{"listener", one.listener}, {"file", one.file}}, one.expires_seconds);
  }
}

void put_requests(MetricText& text, const std::vector<NamedSite>& sites) {
  text.family("drawbridge_requests_total", Type::counter,
              "Ended requests. Site, class and verdict are empty for heads that were refused before routing.");
  for (const auto& [name, totals] : sites) {
    for (const auto& line : totals->requests) {
      const auto request_class = line.decided ? core::name(line.request_class) : std::string_view{};
      const auto verdict = line.decided ? core::name(line.verdict) : std::string_view{};
      text.sample({{"site", name}, {"class", request_class}, {"verdict", verdict}, {"status", line.status}},
                  line.count);
    }
  }
  text.family("drawbridge_refused_writes_total", Type::counter,
              "Writes and tunnels refused by the site's mode; no upstream saw a byte of them.");
  for (const auto& [name, totals] : sites) text.sample({{"site", name}}, totals->refused_writes);
  text.family("drawbridge_requests_in_flight", Type::gauge, "Admitted requests that have not ended.");
  for (const auto& [name, totals] : sites) {
    for (const auto request_class : all_classes) {
      text.sample({{"site", name}, {"class", core::name(request_class)}}, totals->in_flight[request_class]);
    }
  }
}

void put_site_sums(MetricText& text, const std::vector<NamedSite>& sites) {
  text.family("drawbridge_request_body_bytes_total", Type::counter, "Bytes of bodies from clients.");
  for (const auto& [name, totals] : sites) text.sample({{"site", name}}, totals->request_bytes);
  text.family("drawbridge_response_body_bytes_total", Type::counter, "Bytes of bodies to clients.");
  for (const auto& [name, totals] : sites) text.sample({{"site", name}}, totals->response_bytes);
  text.family("drawbridge_request_duration_seconds", Type::histogram,
              "From the first byte of a request to the last of its answer.");
  for (const auto& [name, totals] : sites) text.histogram({{"site", name}}, totals->duration);
  text.family("drawbridge_hold_wait_seconds", Type::histogram,
              "How long requests waited in a hold, whatever became of them.");
  for (const auto& [name, totals] : sites) text.histogram({{"site", name}}, totals->hold_wait);
}

void put_connections(MetricText& text, const Totals& totals) {
  text.single("drawbridge_client_connections_accepted_total", Type::counter, "Client connections taken.",
              totals.connections_accepted);
  text.single("drawbridge_client_connections_open", Type::gauge, "Client connections now open.",
              totals.connections_open);
  text.single("drawbridge_client_connections_refused_total", Type::counter,
              "Client connections turned away because a limit was reached.", totals.connections_refused);
  text.single("drawbridge_http2_abuses_total", Type::counter,
              "HTTP/2 connections ended because of floods, resets or oversized heads.", totals.h2_abuses);
  text.single("drawbridge_accept_pauses_total", Type::counter, "Times accepting paused for want of descriptors.",
              totals.accept_pauses);
  text.single("drawbridge_client_aborts_total", Type::counter, "Clients gone before their answer was complete.",
              totals.client_aborts);
  text.family("drawbridge_heads_refused_total", Type::counter,
              "Request heads refused as broken, too large or late.");
  for (std::size_t i = 0; i < reason_count; ++i) {
    const auto reason = base::name(static_cast<base::Reason>(i));
    if (totals.heads_refused[i] > 0) text.sample({{"reason", reason}}, totals.heads_refused[i]);
  }
  text.single("drawbridge_upstream_connects_total", Type::counter, "Attempts to connect to a server.",
              totals.upstream_connects);
  text.single("drawbridge_upstream_connections_open", Type::gauge, "Connections to servers now open.",
              totals.upstream_connections_open);
  text.single("drawbridge_upstream_reused_total", Type::counter, "Requests sent on a kept connection.",
              totals.upstream_reused);
  text.single("drawbridge_upstream_strays_total", Type::counter,
              "Times that a server sent bytes that no request had asked for.", totals.upstream_strays);
  text.single("drawbridge_retries_total", Type::counter, "Requests sent again on another connection.",
              totals.retries);
}

void put_server_state(MetricText& text, const Exposed& exposed) {
  text.family("drawbridge_server_up", Type::gauge, "1 if the server's health lets it get requests.");
  for (const auto& server : exposed.servers) {
    text.sample({{"pool", server.pool}, {"server", server.address}}, std::uint64_t{server.up});
  }
  text.family("drawbridge_server_admin", Type::gauge,
              "Always 1; what the operator wants of the server is a label.");
  for (const auto& server : exposed.servers) {
    text.sample({{"pool", server.pool}, {"server", server.address}, {"state", core::name(server.admin)}},
                std::uint64_t{1});
  }
}

struct NamedServer {
  const ExposedServer* server;
  ServerTotals totals;  // zeros if nothing was counted yet
};

std::vector<NamedServer> named_servers(const Exposed& exposed) {
  std::map<core::ServerId, const ServerTotals*> counted;
  for (const auto& totals : exposed.totals.servers) counted.emplace(totals.id, &totals);
  std::vector<NamedServer> named;
  for (const auto& server : exposed.servers) {
    const auto found = counted.find(server.id);
    named.push_back({&server, found == counted.end() ? ServerTotals{} : *found->second});
  }
  return named;
}

void put_servers(MetricText& text, const Exposed& exposed) {
  struct Count {
    std::string_view name, help;
    std::uint64_t ServerTotals::* value;
  };
  static constexpr std::array counts{
      Count{"drawbridge_server_requests_total", "Ended requests this server was asked last.",
            &ServerTotals::requests},
      Count{"drawbridge_server_connect_failures_total", "Connections that could not be made.",
            &ServerTotals::connect_failures},
      Count{"drawbridge_server_failures_total", "Exchanges that failed on a connection.", &ServerTotals::failures},
      Count{"drawbridge_server_5xx_total", "Requests of this server that ended with a 5xx for the client.",
            &ServerTotals::response_5xx}};
  const auto servers = named_servers(exposed);
  for (const auto& count : counts) {
    text.family(count.name, Type::counter, count.help);
    for (const auto& [server, totals] : servers) {
      text.sample({{"pool", server->pool}, {"server", server->address}}, totals.*count.value);
    }
  }
  text.family("drawbridge_server_in_flight", Type::gauge, "Requests that this server has not answered yet.");
  for (const auto& [server, totals] : servers) {
    text.sample({{"pool", server->pool}, {"server", server->address}}, totals.in_flight);
  }
  text.family("drawbridge_server_first_byte_seconds", Type::histogram,
              "From the request sent to the first byte of the answer.");
  for (const auto& [server, totals] : servers) {
    text.histogram({{"pool", server->pool}, {"server", server->address}}, totals.first_byte);
  }
  text.family("drawbridge_server_connect_seconds", Type::histogram, "Time to connect.");
  for (const auto& [server, totals] : servers) {
    text.histogram({{"pool", server->pool}, {"server", server->address}}, totals.connect);
  }
}

void put_process(MetricText& text, const Exposed& exposed) {
  text.family("drawbridge_drain_duration_seconds", Type::histogram,
              "From the publication of a change until all that had to end had ended.");
  text.histogram({}, exposed.drains);
  text.single("drawbridge_drains_outstanding", Type::gauge,
              "Sites with requests open though the drain deadline of their last change has passed.",
              exposed.drains_outstanding);
  text.single("drawbridge_access_log_lost_lines_total", Type::counter, "Access log lines that found no room.",
              exposed.access_log_lost);
  text.single("drawbridge_access_log_failing", Type::gauge, "1 while the access log cannot be written, else 0.",
              std::uint64_t{exposed.access_log_failing});
  text.single("drawbridge_listening_sockets_kept", Type::gauge,
              "1 while somebody keeps the listening sockets for the next process, else 0.",
              std::uint64_t{exposed.listening_sockets_kept});
  text.single("process_open_fds", Type::gauge, "Open descriptors.", exposed.descriptors_open);
  text.single("process_max_fds", Type::gauge, "Limit of open descriptors.", exposed.descriptors_max);
  text.single("process_resident_memory_bytes", Type::gauge, "Resident memory.", exposed.resident_bytes);
  text.single("process_cpu_seconds_total", Type::counter, "CPU time, user and system.", exposed.cpu_seconds);
  text.single("process_start_time_seconds", Type::gauge, "Start, in seconds since 1970.", exposed.start_seconds);
}

}  // namespace

std::string expose(const Exposed& exposed) {
  MetricText text;
  const auto sites = named_sites(exposed);
  put_state(text, exposed);
  put_changes(text, exposed);
  put_slices(text, exposed);
  put_certificates(text, exposed);
  put_requests(text, sites);
  put_site_sums(text, sites);
  put_connections(text, exposed.totals);
  put_server_state(text, exposed);
  put_servers(text, exposed);
  put_process(text, exposed);
  return text.take();
}

}  // namespace drawbridge::obs
