#include "proxy/upstream/h2_carrier.h"
#include "proxy/upstream/servers.h"

#include <algorithm>
#include <utility>

namespace drawbridge::upstream {
namespace {

// To one server, of one worker. More are made only while those that are there carry all that the server lets them.
constexpr std::size_t carriers_max = 32;

constexpr std::uint32_t first_streams_max = 100;

// For one request, to a server that takes nobody on the connections it gets.
constexpr int dials_max = 3;

constexpr base::Failure gave_up{.fault = base::Fault::proxy, .reason = base::Reason::cancelled};
constexpr base::Failure no_room{.fault = base::Fault::proxy, .reason = base::Reason::no_server};
constexpr base::Failure too_slow{.fault = base::Fault::upstream, .reason = base::Reason::timed_out};

}  // namespace

std::optional<http::H2StreamId> Lease::open_stream(const http::H2Session::Ask& ask, http::H2StreamUser& user) {
  opened_ = true;
  return carrier_->open(ask, user);
}

void Servers::carrier_gone(H2Carrier& carrier) {
  auto& target = server(carrier.server());
  if (carrier.settled()) target.streams_max = carrier.streams_max();
  std::erase(target.carriers, &carrier);
  closed(1);
  target.queue.tell_first();
}

void Servers::carrier_changed(H2Carrier& carrier) {
  server(carrier.server()).queue.tell_first();
}

bool Servers::carrier_awaited(const H2Carrier& carrier) const {
  return carrier.closed_to_all() && !servers_[carrier.server()]->queue.empty();
}

// One whose TLS was of other rules, before a reload, is not boarded.
H2Carrier* Servers::find_carrier(const core::PoolView& pool, core::ServerId id) {
  const auto& target = server(id);
  const auto usable = board_.usable(id, loop_.now());
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

// Nobody overtakes those who wait.
bool Servers::take_seat(const core::PoolView& pool, core::ServerId id, Lease& lease) {
  auto* const carrier = server(id).queue.empty(pool.tls.get()) ? find_carrier(pool, id) : nullptr;
  if (carrier != nullptr) enter_carrier(*carrier, lease);
  return carrier != nullptr;
}

void Servers::enter_carrier(H2Carrier& carrier, Lease& lease) {
  lease.carrier_ = &carrier;
  lease.slot_ = carrier.slot();
  lease.reused_ = carrier.carried() || carrier.riders() > 0;
  lease.opened_ = false;
  carrier.enter();
  if (lease.reused_) counters_.upstream_reused.add();
}

// It stays where another connection would be kept.
void Servers::leave_carrier(H2Carrier& carrier, bool opened) {
  carrier.leave(opened);
  const auto& target = server(carrier.server());
  const bool kept = target.kept && !closing_ && carrier.generation() == target.generation;
  if (!kept && carrier.riders() == 0) carrier.retire();
}

// A server that takes nobody on one connection means it for a while (RFC 9113 section 6.5.2): it is not asked for
// another.
bool Servers::may_dial(core::ServerId id) {
  const auto& target = server(id);
  return !target.dialling && target.carriers.size() < carriers_max &&
         std::ranges::none_of(target.carriers, &H2Carrier::closed_to_all);
}

// Until there is a carrier with room or, null, the caller may dial one. Who comes while one is dialled waits for
// that, since it will most likely carry all of them.
net::Task<base::Result<H2Carrier*>> Servers::wait_for_turn(const core::PoolView& pool, Turn turn, Tried& tried) {
  auto& target = server(turn.server);
  net::Signal told(loop_);
  const BoardingQueue::Place place(target.queue, pool.tls.get(), told, turn.at);
  for (;;) {
    const bool for_dial = target.dialling;
    tried.waiting_ = &told;
    const bool in_time = co_await told.wait(for_dial ? loop_.now() + pool.timing.connect : turn.until);
    tried.waiting_ = nullptr;
    if (tried.given_up_) co_return std::unexpected(gave_up);
    if (for_dial && target.dial_failure && target.dialled_by == pool.tls.get()) {
      tried.reported_ = true;
      co_return std::unexpected(*target.dial_failure);
    }
    if (place.first()) {
      auto* const carrier = find_carrier(pool, turn.server);
      if (carrier != nullptr || may_dial(turn.server)) co_return carrier;
    }
    if (in_time) continue;
    tried.reported_ = for_dial;
    co_return std::unexpected(for_dial ? too_slow : no_room);
  }
}

// Who dialled a server that took nobody before waits in front for what it says now.
net::Task<base::Result<H2Carrier*>> Servers::board_carrier(const core::PoolView& pool, Boarding boarding,
                                                           Tried& tried) {
  const auto id = boarding.server.id;
  auto& target = server(id);
  Turn next{.server = id, .until = loop_.now() + pool.timing.connect, .at = BoardingQueue::At::back};
  for (int dials = 0;; ++dials) {
    if (dials > 0 || !target.queue.empty(pool.tls.get()) || !may_dial(id)) {
      const auto turn = co_await wait_for_turn(pool, next, tried);
      if (!turn || *turn != nullptr) co_return turn;
      if (dials == dials_max) co_return std::unexpected(no_room);
      const auto slot = choose_slot(target, board_.usable(id, loop_.now()));
      if (!slot) co_return std::unexpected(no_room);
      boarding.slot = *slot;
    }
    const auto dialled = co_await dial_carrier(pool, boarding, tried);
    if (!dialled || (*dialled)->has_room()) co_return dialled;
    next.at = BoardingQueue::At::front;
  }
}

net::Task<base::Result<H2Carrier*>> Servers::dial_carrier(const core::PoolView& pool, Boarding boarding,
                                                          Tried& tried) {
  auto& target = server(boarding.server.id);
  target.dialling = true;
  target.dial_failure.reset();
  target.dialled_by = pool.tls.get();
  const auto generation = target.generation;
  // What it takes on the other connections it will take on this one.
  const auto known =
      target.carriers.empty() ? target.streams_max : std::optional(target.carriers.back()->streams_max());
  auto dialled = co_await dial(pool, boarding.server, target.slots[boarding.slot], tried, {});
  target.dialling = false;
  // What was given up by who dialled says nothing about the server: who waits dials anew.
  const bool given_up = !dialled && dialled.error().reason == base::Reason::cancelled;
  target.dial_failure = dialled || given_up ? std::nullopt : std::optional(dialled.error());
  target.queue.tell_all();
  if (!dialled) co_return std::unexpected(dialled.error());
  counters_.upstream_connections_open.add();
  auto& carrier = H2Carrier::launch(loop_, buffers_, *this,
                                    {.stream = std::move(*dialled),
                                     .server = boarding.server.id,
                                     .slot = boarding.slot,
                                     .generation = generation,
                                     .timing = pool.timing,
                                     .scheme = pool.tls ? "https" : "http",
                                     .streams_max = known.value_or(first_streams_max)});
  target.carriers.push_back(&carrier);
  co_return &carrier;
}

}  // namespace drawbridge::upstream
