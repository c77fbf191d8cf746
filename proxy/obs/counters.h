#pragma once

#include "proxy/base/failure.h"
#include "proxy/base/limits.h"
#include "proxy/base/time.h"
#include "proxy/core/ledger.h"
#include "proxy/core/plan.h"
#include "proxy/core/snapshot.h"
#include "proxy/obs/histogram.h"
#include "proxy/obs/record.h"
#include "proxy/obs/tally.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drawbridge::obs {

inline constexpr std::size_t verdict_count = static_cast<std::size_t>(core::Verdict::misdirected) + 1;
inline constexpr std::size_t reason_count = static_cast<std::size_t>(base::Reason::unavailable) + 1;

// What one worker counts for one server. The worker writes, any thread reads.
struct ServerCounters {
  Tally requests;  // that ended with this server as the last asked
  Tally connect_failures;
  Tally failures;        // connection was there, the exchange failed
  Tally response_5xx;    // as the client saw it
  Tally in_flight;       // add and subtract
  Histogram first_byte;  // from the request sent to the answer's first byte
  Histogram connect;
};

// What one worker counts for one slice: requests sent to a server, in flight or ended, by class.
struct SliceCounters {
  std::array<Tally, core::request_class_count> forwarded;
};

// What was forwarded to one pool, as clients saw it: a server that could not be reached counts like its error.
struct PoolCounters {
  Tally requests;
  Tally errors;  // 5xx
};

// What one worker counts for one site (or for requests of no site).
struct SiteCounters;

// All that one worker counts. Only its thread writes; any thread reads, without locks and at any time. Sites and
// servers get their memory when they are first counted and keep it: SiteId and ServerId are never reused.
class Counters {
 public:
  Counters();
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  // Once a request, at its end: by site, class, verdict and status; bytes; retries; what the server took.
  void finished(const Record& record);
  // What was forwarded to a pool has ended, with this status (0: none).
  void answered(core::PoolId pool, unsigned status);
  // A write or tunnel leaves for a server; it has ended.
  void write_sent(core::SiteId site, base::SteadyTime now);
  void write_ended(core::SiteId site, base::SteadyTime now);
  void entered(core::SiteId site, core::RequestClass request_class);  // admitted: in flight
  void left(core::SiteId site, core::RequestClass request_class);
  void waited_in_hold(core::SiteId site, Micros wait);                        // whatever became of it
  void entered_slice(core::SliceId slice, core::RequestClass request_class);  // beside entered()
  core::ClassCounts forwarded_of_slice(core::SliceId slice) const;            // any thread
  void connect_failed(core::ServerId server);                                 // one attempt
  void exchange_failed(core::ServerId server);                                // after a connection was there
  void server_entered(core::ServerId server);  // a request holds one of its connections, or waits for one
  void server_left(core::ServerId server);
  std::uint64_t in_flight_at(core::ServerId server) const;  // any thread
  void head_refused(base::Reason reason);  // a request head that was answered 400, 414, 431, 501 or 408

  Tally connections_accepted;
  Tally connections_open;           // of clients; add and subtract
  Tally connections_refused;        // over limits.connections or connections_per_address
  Tally accept_pauses;              // out of descriptors
  Tally h2_abuses;                  // HTTP/2 connections ended for what they asked of us
  Tally upstream_connects;          // attempts
  Tally upstream_connections_open;  // add and subtract
  Tally upstream_reused;            // exchanges on a kept connection
  Tally upstream_strays;            // what servers sent that no request had asked for
  Tally client_aborts;              // client gone before its answer was complete

 private:
  friend class Collector;
  friend class Registry;
  SiteCounters& site(core::SiteId id);
  SiteCounters* find(core::SiteId id) const;  // any thread
  ServerCounters& server(core::ServerId id);

  static constexpr std::size_t site_slots = base::limits::sites_max + 1;  // the last one: of no site
  Tally retries_;
  std::array<Tally, reason_count> heads_refused_;
  std::unique_ptr<std::atomic<SiteCounters*>[]> sites_;
  std::unique_ptr<std::atomic<ServerCounters*>[]> servers_;
  std::unique_ptr<std::atomic<SliceCounters*>[]> slices_;
  std::unique_ptr<std::atomic<PoolCounters*>[]> pools_;
};

// Sums over all workers, as plain values.
struct RequestCount {
  core::RequestClass request_class = core::RequestClass::read;
  bool decided = true;  // false: refused before there was a plan; class and verdict are void
  core::Verdict verdict = core::Verdict::forward;
  std::string status;  // "200"; "2xx" and so on for statuses outside the registered ones; "none" for no answer
  std::uint64_t count = 0;
};

struct SiteTotals {
  core::SiteId id = no_site;           // no_site: requests that belong to none
  std::vector<RequestCount> requests;  // those that are not zero
  core::ClassCounts in_flight;
  std::uint64_t refused_writes = 0;  // and tunnels
  std::uint64_t request_bytes = 0;
  std::uint64_t response_bytes = 0;
  HistogramValue duration;
  HistogramValue hold_wait;
};

struct ServerTotals {
  core::ServerId id = no_server;
  std::uint64_t requests = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t failures = 0;
  std::uint64_t response_5xx = 0;
  std::uint64_t in_flight = 0;
  HistogramValue first_byte;
  HistogramValue connect;
};

struct Totals {
  std::vector<SiteTotals> sites;                            // that were counted; ascending, no_site last
  std::vector<ServerTotals> servers;                        // likewise
  std::array<std::uint64_t, reason_count> heads_refused{};  // by base::Reason
  std::uint64_t connections_accepted = 0, connections_open = 0, connections_refused = 0, accept_pauses = 0;
  std::uint64_t h2_abuses = 0;
  std::uint64_t upstream_connects = 0, upstream_connections_open = 0, upstream_reused = 0, upstream_strays = 0;
  std::uint64_t retries = 0, client_aborts = 0;
};

// The counters of all workers.
class Registry {
 public:
  struct Answers {
    std::uint64_t requests = 0, errors = 0;
  };
  Answers answers_of(core::PoolId pool) const;  // any thread

  explicit Registry(std::size_t workers);

  Counters& worker(std::size_t index) { return *workers_[index]; }
  Totals collect() const;  // any thread
  // Writes and tunnels of a site that left for a server: those that have ended and those in flight. Any thread.
  std::uint64_t writes_of(core::SiteId site) const;
  // Requests of a slice that were forwarded, likewise. Any thread.
  core::ClassCounts forwarded_of_slice(core::SliceId slice) const;
  // Requests that hold a connection of a server, or wait for one. Any thread.
  std::uint64_t in_flight_at(core::ServerId server) const;
  // When the last of them ended; when the first of them began since forget_first_write(). None: there was none.
  std::optional<base::SteadyTime> last_write_of(core::SiteId site) const;
  std::optional<base::SteadyTime> first_write_of(core::SiteId site) const;
  void forget_first_write(core::SiteId site);

 private:
  std::vector<std::unique_ptr<Counters>> workers_;
};

}  // namespace drawbridge::obs
