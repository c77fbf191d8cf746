#include "proxy/upstream/h2_carrier.h"
#include "proxy/upstream/servers.h"

#include <algorithm>
#include <utility>

namespace drawbridge::upstream {
namespace {

// To one server, of one worker. More are made only while those that are there carry all that the server lets them.
constexpr std::size_t carriers_max = 32;

constexpr std::uint32_t first_streams_max = 100;

// A stream that was given up has its place until its reset has left, which nobody tells.
constexpr std::chrono::milliseconds room_interval{50};

}  // namespace

void Servers::carrier_gone(H2Carrier& carrier) {
  std::erase(server(carrier.server()).carriers, &carrier);
  closed(1);
}

// One whose TLS was of other rules, before a reload, is not boarded.
H2Carrier* Servers::find_carrier(const core::PoolView& pool, Server& target, EndpointMask usable) {
  for (auto* carrier : target.carriers) {
    const bool good = carrier->has_room() && carrier->generation() == target.generation;
    if (good && carrier->tls_maker() == pool.tls.get() && (usable >> carrier->slot() & 1U) != 0) return carrier;
  }
  return nullptr;
}

void Servers::retire_carriers(Server& target, bool unused_only) {
  const auto carriers = target.carriers;
  for (auto* carrier : carriers) {
    if (!unused_only || carrier->riders() == 0) carrier->retire();
  }
}

void Servers::room_made(core::ServerId id) {
  auto& waiting = server(id).waiting;
  if (!waiting.empty()) waiting.front()->tell();
}

// For the one that is being dialled or, where there may be no more, for room on one of them.
net::Task<base::Result<void>> Servers::wait_for_carrier(Server& target, base::SteadyTime until, Tried& tried) {
  const bool dialled = target.dialling;
  net::Signal made(loop_);
  target.waiting.push_back(&made);
  tried.waiting_ = &made;
  const bool told = co_await made.wait(dialled ? until : std::min(until, loop_.now() + room_interval));
  tried.waiting_ = nullptr;
  std::erase(target.waiting, &made);
  if (tried.given_up_) {
    co_return std::unexpected(base::Failure{.fault = base::Fault::proxy, .reason = base::Reason::cancelled});
  }
  if (!dialled) {
    if (loop_.now() < until) co_return base::Result<void>{};
    co_return std::unexpected(base::Failure{.fault = base::Fault::proxy, .reason = base::Reason::no_server});
  }
  tried.reported_ = true;
  if (!told) {
    co_return std::unexpected(base::Failure{.fault = base::Fault::upstream, .reason = base::Reason::timed_out});
  }
  if (target.dial_failure) co_return std::unexpected(*target.dial_failure);
  tried.reported_ = false;
  co_return base::Result<void>{};
}

// One is made at a time: who comes meanwhile waits for it, since it will most likely carry all of them.
net::Task<base::Result<H2Carrier*>> Servers::board_carrier(const core::PoolView& pool, Boarding boarding,
                                                           Tried& tried) {
  const auto& wanted = boarding.server;
  auto& target = server(wanted.id);
  const auto patience = [&] { return loop_.now() + pool.timing.connect; };
  const auto until = patience();
  for (;;) {
    if (auto* const carrier = find_carrier(pool, target, board_.usable(wanted.id, loop_.now()))) co_return carrier;
    const bool full = target.carriers.size() >= carriers_max;
    if (!target.dialling && !full) break;
    const auto waited = co_await wait_for_carrier(target, target.dialling ? patience() : until, tried);
    if (!waited) co_return std::unexpected(waited.error());
  }
  target.dialling = true;
  const auto generation = target.generation;
  // What it took on the other connections it will take on this one.
  const auto streams_max = target.carriers.empty() ? first_streams_max : target.carriers.back()->streams_max();
  auto dialled = co_await dial(pool, wanted, target.slots[boarding.slot], tried, {});
  target.dialling = false;
  // What was given up by who dialled says nothing about the server: who waits dials anew.
  const bool given_up = !dialled && dialled.error().reason == base::Reason::cancelled;
  target.dial_failure = dialled || given_up ? std::nullopt : std::optional(dialled.error());
  for (auto* const waiter : target.waiting) waiter->tell();
  if (!dialled) co_return std::unexpected(dialled.error());
  counters_.upstream_connections_open.add();
  auto& carrier = H2Carrier::launch(loop_, buffers_, *this,
                                    {.stream = std::move(*dialled),
                                     .server = wanted.id,
                                     .slot = boarding.slot,
                                     .generation = generation,
                                     .timing = pool.timing,
                                     .scheme = pool.tls ? "https" : "http",
                                     .streams_max = streams_max});
  target.carriers.push_back(&carrier);
  if (closing_) carrier.retire();
  co_return &carrier;
}

}  // namespace drawbridge::upstream
