#include "proxy/upstream/prober.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::upstream {

using base::SteadyClock;

namespace {

ProbeKind kind_of(const HealthPolicy& health) {
  if (health.active && health.grpc) return ProbeKind::grpc;
  if (!health.active || health.path.empty()) return health.http2 ? ProbeKind::preface : ProbeKind::connect;
  return health.http2 ? ProbeKind::http2 : ProbeKind::http1;
}

}  // namespace

ProbeTask probe_task(const Target& target, const net::Endpoint& endpoint) {
  const auto& health = target.health;
  return {.endpoint = endpoint,
          .kind = kind_of(health),
          .path = health.path,
          .host = health.host.empty() ? target.address : health.host,
          .timeout = health.timeout,
          .greeting = http::write_proxy_header(target.send_proxy),
          .tls = target.tls,
          .tls_host = target.host};
}

Prober::Prober(boost::asio::io_context& context, ProbeRunner& runner, HealthBoard& board, Listener listener)
    : runner_(runner), board_(board), listener_(std::move(listener)), timer_(context) {}

void Prober::watch(const Target& target, const EndpointSlots& slots) {
  if (!target.health.active) return forget(target.id);
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].empty()) {
      addresses_.erase({target.id, slot});
      continue;
    }
    auto& address = addresses_[{target.id, slot}];
    if (address.task.endpoint != slots[slot]) address = {};
    address.task = probe_task(target, slots[slot]);
    address.policy = target.health;
    address.due = SteadyClock::now();
  }
  drop(target.id, slots.size());
  schedule();
}

void Prober::forget(core::ServerId server) {
  drop(server, 0);
  schedule();
}

void Prober::stop() {
  stopped_ = true;
  timer_.cancel();
}

// What nobody probes any more must not stay down for ever.
void Prober::drop(core::ServerId server, std::size_t first_slot) {
  const auto first = addresses_.lower_bound({server, first_slot});
  auto last = first;
  for (; last != addresses_.end() && last->first.server == server; ++last) {
    board_.set_probed(server, last->first.slot, HealthState::unknown, "", 0);
  }
  addresses_.erase(first, last);
}

// Starts what is due and sets the timer to what is due next.
void Prober::schedule() {
  if (stopped_) return;
  const auto now = SteadyClock::now();
  auto next = base::SteadyTime::max();
  for (auto& [place, address] : addresses_) {
    if (address.probe != 0) continue;
    if (address.due <= now) {
      start(place, address);
    } else {
      next = std::min(next, address.due);
    }
  }
  timer_.cancel();
  if (next == base::SteadyTime::max()) return;
  timer_.expires_at(next);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) schedule();
  });
}

void Prober::start(const Place& place, Address& address) {
  address.probe = ++probes_;
  runner_.run(address.task,
              [this, place, probe = address.probe](const ProbeFinding& finding) { ended(place, probe, finding); });
}

void Prober::ended(const Place& place, std::uint64_t probe, const ProbeFinding& finding) {
  const auto found = addresses_.find(place);
  if (found == addresses_.end() || found->second.probe != probe) return;
  auto& address = found->second;
  address.probe = 0;
  address.due = next_due(address.policy.interval);
  if (!finding.asked) {
    listener_.not_asked(finding);
    return schedule();
  }
  const auto before = address.verdict.state();
  const auto state = address.verdict.observe(finding.healthy, address.policy);
  const bool rises = finding.healthy && state == HealthState::down;
  const auto reason = rises ? fmt::format("it answers again ({}), but not yet {} times in a row", finding.reason,
                                          address.policy.rise)
                            : finding.reason;
  board_.set_probed(place.server, place.slot, state, reason, address.verdict.failures());
  if (state != before) listener_.changed();
  schedule();
}

// A tenth more or less, so that the probes of many servers and of many proxies do not come in step.
base::SteadyTime Prober::next_due(base::Millis interval) {
  const auto tenth = static_cast<std::uint64_t>(std::max<std::int64_t>(interval.count() / 10, 1));
  const auto jitter =
      static_cast<std::int64_t>(random_.next_bits() % (2 * tenth + 1)) - static_cast<std::int64_t>(tenth);
  return SteadyClock::now() + interval + base::Millis(jitter);
}

}  // namespace drawbridge::upstream
