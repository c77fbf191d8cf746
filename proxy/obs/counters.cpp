#include "proxy/obs/counters.h"

#include "proxy/base/check.h"
#include "proxy/obs/status_slots.h"

#include <algorithm>
#include <cstddef>

namespace drawbridge::obs {
namespace {

constexpr std::size_t plan_slots = verdict_count * core::request_class_count + 1;
constexpr std::size_t undecided_slot = plan_slots - 1;
constexpr std::size_t cache_line_bytes = 64;

constexpr std::size_t plan_slot(core::Verdict verdict, core::RequestClass request_class) {
  return static_cast<std::size_t>(verdict) * core::request_class_count + static_cast<std::size_t>(request_class);
}

std::size_t plan_slot(const Record& record) {
  return record.decided ? plan_slot(record.verdict, record.request_class) : undecided_slot;
}

// Which row of per-site memory; requests of no site share the last one.
std::size_t site_row(core::SiteId id) {
  return std::min<std::size_t>(id, base::limits::sites_max);
}

// Memory of a site or server, made when it is first counted. One thread makes it, any thread may look.
template <class T>
T& made(std::atomic<T*>& place) {
  T* found = place.load(std::memory_order_relaxed);
  if (found == nullptr) {
    found = new T;
    place.store(found, std::memory_order_release);
  }
  return *found;
}

template <class T>
void free_all(std::unique_ptr<std::atomic<T*>[]>& places, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) delete places[i].load(std::memory_order_relaxed);
}

}  // namespace

// What each request changes stands together, and a verdict has its row of statuses only when one is counted: of a
// thousand sites asked in turn nothing is in the cache, and whole tables would be on pages of their own.
struct alignas(cache_line_bytes) SiteCounters {
  using Statuses = std::array<Tally, status_slots>;

  SiteCounters() = default;
  ~SiteCounters() {
    for (auto& row : requests) delete row.load(std::memory_order_relaxed);
  }
  SiteCounters(const SiteCounters&) = delete;
  SiteCounters& operator=(const SiteCounters&) = delete;

  std::array<Tally, core::request_class_count> in_flight;
  Tally request_bytes;
  Tally response_bytes;
  std::array<std::atomic<Statuses*>, plan_slots> requests{};  // of what is forwarded first
  alignas(cache_line_bytes) Histogram duration;
  Histogram hold_wait;
  Tally writes_sent;
  std::atomic<std::int64_t> last_write_ended{0};  // of the steady clock; 0: none
  std::atomic<std::int64_t> first_write_sent{0};  // likewise; the control thread takes it back
};
static_assert(plan_slot(core::Verdict::forward, core::RequestClass::read) == 0);
static_assert(offsetof(SiteCounters, requests) + core::request_class_count * sizeof(SiteCounters::requests[0]) ==
                  cache_line_bytes &&
              offsetof(SiteCounters, duration) % cache_line_bytes == 0);

Counters::Counters()
    : sites_(std::make_unique<std::atomic<SiteCounters*>[]>(site_slots)),
      servers_(std::make_unique<std::atomic<ServerCounters*>[]>(base::limits::servers_max)),
      slices_(std::make_unique<std::atomic<SliceCounters*>[]>(base::limits::slices_max)),
      pools_(std::make_unique<std::atomic<PoolCounters*>[]>(base::limits::pools_max)) {}

Counters::~Counters() {
  free_all(sites_, site_slots);
  free_all(servers_, base::limits::servers_max);
  free_all(slices_, base::limits::slices_max);
  free_all(pools_, base::limits::pools_max);
}

SiteCounters& Counters::site(core::SiteId id) {
  return made(sites_[site_row(id)]);
}

ServerCounters& Counters::server(core::ServerId id) {
  DRAWBRIDGE_CHECK(id < base::limits::servers_max);
  return made(servers_[id]);
}

void Counters::finished(const Record& record) {
  auto& counted = site(record.site_id);
  made(counted.requests[plan_slot(record)])[status_slot(record.status)].add();
  counted.request_bytes.add(record.request_bytes);
  counted.response_bytes.add(record.response_bytes);
  counted.duration.observe(record.total);
  retries_.add(record.retries);
  if (record.server_id == no_server) return;
  auto& asked = server(record.server_id);
  asked.requests.add();
  if (is_server_error(record.status)) asked.response_5xx.add();
  if (record.upstream_first_byte.count() >= 0) asked.first_byte.observe(record.upstream_first_byte);
  if (record.upstream_connect.count() >= 0) asked.connect.observe(record.upstream_connect);
}

void Counters::entered(core::SiteId id, core::RequestClass request_class) {
  site(id).in_flight[static_cast<std::size_t>(request_class)].add();
}

void Counters::left(core::SiteId id, core::RequestClass request_class) {
  site(id).in_flight[static_cast<std::size_t>(request_class)].subtract();
}

void Counters::waited_in_hold(core::SiteId id, Micros wait) {
  site(id).hold_wait.observe(wait);
}

void Counters::entered_slice(core::SliceId id, core::RequestClass request_class) {
  DRAWBRIDGE_CHECK(id < base::limits::slices_max);
  made(slices_[id]).forwarded[static_cast<std::size_t>(request_class)].add();
}

core::ClassCounts Counters::forwarded_of_slice(core::SliceId id) const {
  core::ClassCounts counts;
  const auto* counted = slices_[id].load(std::memory_order_acquire);
  for (std::size_t i = 0; counted != nullptr && i < core::request_class_count; ++i) {
    counts.by_class[i] = counted->forwarded[i].value();
  }
  return counts;
}

SiteCounters* Counters::find(core::SiteId id) const {
  return sites_[site_row(id)].load(std::memory_order_acquire);
}

void Counters::answered(core::PoolId id, unsigned status) {
  DRAWBRIDGE_CHECK(id < base::limits::pools_max);
  auto& pool = made(pools_[id]);
  pool.requests.add();
  if (is_server_error(status)) pool.errors.add();
}

void Counters::write_sent(core::SiteId id, base::SteadyTime now) {
  auto& counted = site(id);
  counted.writes_sent.add();
  std::int64_t none = 0;
  counted.first_write_sent.compare_exchange_strong(none, now.time_since_epoch().count(), std::memory_order_relaxed);
}

void Counters::write_ended(core::SiteId id, base::SteadyTime now) {
  site(id).last_write_ended.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

void Counters::connect_failed(core::ServerId id) {
  server(id).connect_failures.add();
}

void Counters::exchange_failed(core::ServerId id) {
  server(id).failures.add();
}

void Counters::server_entered(core::ServerId id) {
  server(id).in_flight.add();
}

void Counters::server_left(core::ServerId id) {
  server(id).in_flight.subtract();
}

std::uint64_t Counters::in_flight_at(core::ServerId id) const {
  const auto* counted = servers_[id].load(std::memory_order_acquire);
  return counted == nullptr ? 0 : counted->in_flight.value();
}

void Counters::head_refused(base::Reason reason) {
  heads_refused_[static_cast<std::size_t>(reason)].add();
}

// Reads one worker's counters into the sums.
class Collector {
 public:
  void add(const Counters& worker);
  Totals finish();

 private:
  void add_site(std::size_t row, const SiteCounters& site);
  void add_server(std::size_t id, const ServerCounters& server);
  void add_scalars(const Counters& worker);

  struct SiteSum {
    std::array<std::array<std::uint64_t, status_slots>, plan_slots> requests{};
    SiteTotals totals;
  };
  static void list_requests(SiteSum& sum);

  std::vector<std::unique_ptr<SiteSum>> sites_{Counters::site_slots};
  std::vector<std::unique_ptr<ServerTotals>> servers_{base::limits::servers_max};
  Totals totals_;
};

void Collector::add(const Counters& worker) {
  for (std::size_t row = 0; row < Counters::site_slots; ++row) {
    if (const auto* site = worker.sites_[row].load(std::memory_order_acquire)) add_site(row, *site);
  }
  for (std::size_t id = 0; id < base::limits::servers_max; ++id) {
    if (const auto* server = worker.servers_[id].load(std::memory_order_acquire)) add_server(id, *server);
  }
  add_scalars(worker);
}

void Collector::add_site(std::size_t row, const SiteCounters& site) {
  auto& sum = sites_[row];
  if (!sum) sum = std::make_unique<SiteSum>();
  sum->totals.id = row == base::limits::sites_max ? no_site : static_cast<core::SiteId>(row);
  for (std::size_t plan = 0; plan < plan_slots; ++plan) {
    const auto* statuses = site.requests[plan].load(std::memory_order_acquire);
    for (std::size_t status = 0; statuses != nullptr && status < status_slots; ++status) {
      sum->requests[plan][status] += (*statuses)[status].value();
    }
  }
  for (std::size_t i = 0; i < core::request_class_count; ++i) {
    sum->totals.in_flight.by_class[i] += site.in_flight[i].value();
  }
  sum->totals.request_bytes += site.request_bytes.value();
  sum->totals.response_bytes += site.response_bytes.value();
  sum->totals.duration += site.duration.value();
  sum->totals.hold_wait += site.hold_wait.value();
}

void Collector::add_server(std::size_t id, const ServerCounters& server) {
  auto& sum = servers_[id];
  if (!sum) sum = std::make_unique<ServerTotals>();
  sum->id = static_cast<core::ServerId>(id);
  sum->requests += server.requests.value();
  sum->connect_failures += server.connect_failures.value();
  sum->failures += server.failures.value();
  sum->response_5xx += server.response_5xx.value();
  sum->in_flight += server.in_flight.value();
  sum->first_byte += server.first_byte.value();
  sum->connect += server.connect.value();
}

void Collector::add_scalars(const Counters& worker) {
  for (std::size_t i = 0; i < reason_count; ++i) totals_.heads_refused[i] += worker.heads_refused_[i].value();
  totals_.connections_accepted += worker.connections_accepted.value();
  totals_.connections_open += worker.connections_open.value();
  totals_.connections_refused += worker.connections_refused.value();
  totals_.accept_pauses += worker.accept_pauses.value();
  totals_.h2_abuses += worker.h2_abuses.value();
  totals_.upstream_connects += worker.upstream_connects.value();
  totals_.upstream_connections_open += worker.upstream_connections_open.value();
  totals_.upstream_reused += worker.upstream_reused.value();
  totals_.upstream_strays += worker.upstream_strays.value();
  totals_.retries += worker.retries_.value();
  totals_.client_aborts += worker.client_aborts.value();
}

void Collector::list_requests(SiteSum& sum) {
  for (std::size_t plan = 0; plan < plan_slots; ++plan) {
    for (std::size_t status = 0; status < status_slots; ++status) {
      const auto count = sum.requests[plan][status];
      if (count == 0) continue;
      RequestCount line{.decided = plan != undecided_slot, .status = status_label(status), .count = count};
      if (line.decided) {
        line.request_class = static_cast<core::RequestClass>(plan % core::request_class_count);
        line.verdict = static_cast<core::Verdict>(plan / core::request_class_count);
      }
      // Whoever waited in vain for the end of a hold was refused as well.
      const bool refused = line.verdict == core::Verdict::refuse || line.verdict == core::Verdict::park;
      const bool refused_write = line.decided && refused && line.request_class != core::RequestClass::read;
      if (refused_write) sum.totals.refused_writes += count;
      sum.totals.requests.push_back(std::move(line));
    }
  }
}

Totals Collector::finish() {
  for (auto& sum : sites_) {
    if (!sum) continue;
    list_requests(*sum);
    totals_.sites.push_back(std::move(sum->totals));
  }
  for (const auto& sum : servers_) {
    if (sum) totals_.servers.push_back(*sum);
  }
  return std::move(totals_);
}

Registry::Registry(std::size_t workers) {
  for (std::size_t i = 0; i < workers; ++i) workers_.push_back(std::make_unique<Counters>());
}

std::uint64_t Registry::writes_of(core::SiteId site) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    if (const auto* counted = worker->find(site)) sum += counted->writes_sent.value();
  }
  return sum;
}

core::ClassCounts Registry::forwarded_of_slice(core::SliceId slice) const {
  core::ClassCounts sum;
  for (const auto& worker : workers_) sum += worker->forwarded_of_slice(slice);
  return sum;
}

std::uint64_t Registry::in_flight_at(core::ServerId server) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->in_flight_at(server);
  return sum;
}

std::optional<base::SteadyTime> Registry::last_write_of(core::SiteId site) const {
  std::int64_t last = 0;
  for (const auto& worker : workers_) {
    if (const auto* counted = worker->find(site)) last = std::max(last, counted->last_write_ended.load());
  }
  if (last == 0) return std::nullopt;
  return base::SteadyTime(base::SteadyClock::duration(last));
}

std::optional<base::SteadyTime> Registry::first_write_of(core::SiteId site) const {
  std::int64_t first = 0;
  for (const auto& worker : workers_) {
    const auto* counted = worker->find(site);
    const auto own = counted == nullptr ? 0 : counted->first_write_sent.load();
    if (own != 0) first = first == 0 ? own : std::min(first, own);
  }
  if (first == 0) return std::nullopt;
  return base::SteadyTime(base::SteadyClock::duration(first));
}

void Registry::forget_first_write(core::SiteId site) {
  for (const auto& worker : workers_) {
    if (auto* counted = worker->find(site)) counted->first_write_sent.store(0);
  }
}

Registry::Answers Registry::answers_of(core::PoolId pool) const {
  Answers sum;
  for (const auto& worker : workers_) {
    const auto* counted = worker->pools_[pool].load(std::memory_order_acquire);
    if (counted == nullptr) continue;
    sum.requests += counted->requests.value();
    sum.errors += counted->errors.value();
  }
  return sum;
}

Totals Registry::collect() const {
  Collector collector;
  for (const auto& worker : workers_) collector.add(*worker);
  return collector.finish();
}

}  // namespace drawbridge::obs
