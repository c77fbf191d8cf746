#include "proxy/upstream/servers.h"

#include <array>
#include <bit>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

namespace drawbridge::upstream {
void Tried::give_up() {
  given_up_ = true;
  if (dialled_ != nullptr) dialled_->cancel(base::Reason::cancelled);
  if (waiting_ != nullptr) waiting_->tell();
}

bool Lease::hold(Servers& servers, const core::PoolServer& server) {
  seated_ = server.max_connections != 0;
  if (seated_ && !servers.seats_.take(server.id, server.max_connections)) return false;
  auto& target = servers.server(server.id);
  servers_ = &servers;
  server_ = server.id;
  generation_ = target.generation;
  ++target.in_flight;
  servers.counters_.server_entered(server.id);
  return true;
}

void Lease::leave_server() {
  auto& servers = *std::exchange(servers_, nullptr);
  servers.left(server_);
  if (seated_) servers.seats_.give_back(server_);
}

void Lease::reset() {
  if (servers_ == nullptr) return;
  auto& servers = *servers_;
  if (carrier_ != nullptr) servers.leave_carrier(*std::exchange(carrier_, nullptr), opened_);
  leave_server();
  const bool open = stream_ != nullptr;
  stream_.reset();
  if (open) servers.closed(1);
}

Servers::Servers(net::Loop& loop, net::BufferPool& buffers, HealthBoard& board, ServerSeats& seats,
                 ConnectionBudget& budget, obs::Counters& counters)
    : loop_(loop),
      buffers_(buffers),
      board_(board),
      seats_(seats),
      budget_(budget),
      counters_(counters),
      sweep_(loop.wheel(), *this) {}

Servers::~Servers() = default;

void Servers::left(core::ServerId id) {
  --server(id).in_flight;
  counters_.server_left(id);
}

Servers::Server& Servers::server(core::ServerId id) {
  if (servers_.size() <= id) servers_.resize(std::size_t{id} + 1);
  if (!servers_[id]) servers_[id] = std::make_unique<Server>();
  return *servers_[id];
}

void Servers::set_addresses(core::ServerId id, std::optional<EndpointSlots> told) {
  auto& target = server(id);
  target.told = told.has_value();
  auto slots = std::move(told).value_or(EndpointSlots{});
  for (std::size_t slot = 0; slot < target.slots.size(); ++slot) {
    const bool stays = slot < slots.size() && slots[slot] == target.slots[slot];
    if (!stays && !target.slots[slot].empty()) ++target.generation;
  }
  closed(std::erase_if(target.idle, [&](const Idle& idle) {
    return idle.slot >= slots.size() || !(slots[idle.slot] == target.slots[idle.slot]);
  }));
  target.slots = std::move(slots);
  for (auto* const carrier : std::vector(target.carriers)) {
    if (carrier->generation() != target.generation) carrier->retire();
  }
  for (auto* const waiter : newcomers_) waiter->tell();
}

void Servers::keep_only(const std::vector<const core::PoolView*>& pools) {
  for (auto& target : servers_) {
    if (target) target->kept = false;
  }
  for (const auto* pool : pools) {
    for (const auto& wanted : pool->servers) server(wanted.id).kept = true;
  }
  for (auto& target : servers_) {
    if (!target || target->kept) continue;
    closed(target->idle.size());
    target->idle.clear();
    retire_carriers(*target, false);
  }
}

void Servers::closed(std::size_t connections) {
  counters_.upstream_connections_open.subtract(connections);
  budget_.give_back(connections);
}

bool Servers::may_get(const core::PoolServer& target, bool tried) {
  const auto bound = target.max_connections;
  const bool has_seat = bound == 0 || seats_.free(target.id, bound);
  return target.admin == core::ServerAdmin::ready && !tried && has_seat && board_.eligible(target.id, loop_.now());
}

std::optional<std::size_t> Servers::choose(const core::PoolView& pool, const Tried& tried) {
  if (pool.servers.size() == 1) {
    const auto& only = pool.servers.front();
    return only.weight > 0 && may_get(only, tried.has(0)) ? std::optional<std::size_t>(0) : std::nullopt;
  }
  if (balance_.size() <= pool.id) balance_.resize(std::size_t{pool.id} + 1);
  candidates_.clear();
  for (std::size_t place = 0; place < pool.servers.size(); ++place) {
    const auto& target = pool.servers[place];
    candidates_.push_back({.eligible = may_get(target, tried.has(place)),
                           .in_flight = server(target.id).in_flight,
                           .weight = target.weight});
  }
  return core::pick(pool.balance, candidates_, balance_[pool.id]);
}

bool Servers::others_can_answer(const core::PoolView& pool, std::size_t place, const Tried& tried) const {
  for (std::size_t other = 0; other < pool.servers.size(); ++other) {
    const auto& target = pool.servers[other];
    const bool ready = target.admin == core::ServerAdmin::ready;
    if (other != place && ready && !tried.has(other) && board_.eligible(target.id, loop_.now())) return true;
  }
  return false;
}

std::optional<std::size_t> Servers::choose_slot(Server& target, EndpointMask usable) {
  const auto count = target.slots.size();
  for (std::size_t step = 0; step < count; ++step) {
    const auto slot = target.next_slot++ % count;
    if ((usable >> slot & 1U) != 0 && !target.slots[slot].empty()) return slot;
  }
  return std::nullopt;
}

// What is kept gives way to what is needed. The caller owes the budget one when the result is valid.
net::UniqueFd Servers::open_socket(const net::Endpoint& endpoint) {
  errno = EMFILE;
  if (!budget_.take()) {
    shed_idle();
    errno = EMFILE;
    if (!budget_.take()) return {};
  }
  const auto open = [&] { return ::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); };
  net::UniqueFd fd(open());
  if (!fd.valid() && (errno == EMFILE || errno == ENFILE)) {
    shed_idle();
    fd = net::UniqueFd(open());
  }
  const int on = 1;
  if (fd.valid()) {
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  } else {
    budget_.give_back();
  }
  return fd;
}

net::Task<base::Result<std::unique_ptr<net::Stream>>> Servers::dial(const core::PoolView& pool,
                                                                    const core::PoolServer& wanted,
                                                                    net::Endpoint endpoint, Tried& tried,
                                                                    std::string_view greeting) {
  const auto patience = pool.timing.connect;
  const auto until = loop_.now() + patience;
  counters_.upstream_connects.add();
  auto fd = open_socket(endpoint);
  if (!fd.valid()) co_return std::unexpected(base::os_failure(base::Fault::proxy, errno));
  const auto connected = ::connect(fd.get(), endpoint.data(), endpoint.length);
  if (connected != 0 && errno != EINPROGRESS) {
    const int failed = errno;
    fd.reset();
    budget_.give_back();
    co_return std::unexpected(base::os_failure(base::Fault::upstream, failed));
  }
  auto stream =
      std::make_unique<net::Stream>(loop_, std::move(fd), base::Fault::upstream, net::Stream::Start::connecting);
  tried.dialled_ = stream.get();
  const std::array<std::string_view, 1> first{greeting};
  auto ready = co_await stream->write(first, patience);
  if (ready && pool.tls) {
    stream->secure(net::TlsClient::connect(pool.tls, wanted.host, &server(wanted.id).tls), until);
    ready = co_await stream->write({}, patience);
  }
  tried.dialled_ = nullptr;
  const bool agreed = !ready || !pool.tls || pool.tls->takes(stream->tls().protocol);
  if (ready && agreed) co_return stream;
  const auto error = agreed ? stream->tls_error() : std::string(net::TlsClient::not_agreed);
  if (!error.empty() && tls_failed_) tls_failed_(pool, wanted, error);
  stream.reset();
  budget_.give_back();
  if (ready) co_return std::unexpected(base::Failure{base::Fault::upstream, base::Reason::handshake});
  co_return std::unexpected(ready.error());
}

net::Task<base::Result<void>> Servers::connect(const core::PoolView& pool, const core::PoolServer& wanted,
                                               std::size_t& slot, Tried& tried, Lease& lease) {
  if (pool.multiplexed()) {
    const auto carrier = co_await board_carrier(pool, {.server = wanted, .slot = slot}, tried);
    if (!carrier) co_return std::unexpected(carrier.error());
    enter_carrier(**carrier, lease);
    co_return base::Result<void>{};
  }
  auto dialled = co_await dial(pool, wanted, server(wanted.id).slots[slot], tried, lease.greeting_);
  if (!dialled) co_return std::unexpected(dialled.error());
  lease.slot_ = slot;
  lease.stream_ = std::move(*dialled);
  counters_.upstream_connections_open.add();
  co_return base::Result<void>{};
}

// The lease is held already.
bool Servers::take_kept(const core::PoolView& pool, std::size_t place, Tried& tried, const LeaseWish& wish,
                        Lease& lease) {
  const auto& wanted = pool.servers[place];
  tried.asked_ = wanted.id;
  if (lease.greeting_ != wish.greeting) lease.greeting_ = wish.greeting;
  lease.reused_ = false;
  if (pool.multiplexed()) return take_seat(pool, wanted.id, lease);
  if (wish.fresh) return false;
  const auto now = loop_.now();
  const bool certain = wish.certain || board_.has_strayed(wanted.id, now);
  lease.stream_ = take_idle(pool, server(wanted.id), board_.usable(wanted.id, now), certain, lease);
  if (!lease.stream_) return false;
  lease.reused_ = true;
  counters_.upstream_reused.add();
  return true;
}

// Nearly always a connection is kept, and nothing waits.
net::Task<base::Result<Servers::Chosen>> Servers::lease(const core::PoolView& pool, Tried& tried,
                                                        const LeaseWish& wish, Lease& lease) {
  tried.asked_.reset();
  const auto place = choose(pool, tried);
  if (place && !tried.given_up() && !awaits_word(pool, tried, place) && lease.hold(*this, pool.servers[*place]) &&
      take_kept(pool, *place, tried, wish, lease)) {
    return Chosen{.place = *place};
  }
  return lease_later(pool, tried, wish, lease, place);
}

// Begins with the place that was chosen, which the lease may hold.
net::Task<base::Result<Servers::Chosen>> Servers::lease_later(const core::PoolView& pool, Tried& tried,
                                                              const LeaseWish& wish, Lease& lease,
                                                              std::optional<std::size_t> place) {
  base::Failure last{.fault = base::Fault::proxy, .reason = base::Reason::no_server, .retry_safe = true};
  // Each server once: places beyond what Tried tells apart are bounded by the count.
  for (std::size_t asked = 0; asked < pool.servers.size(); ++asked) {
    if (asked > 0) {
      lease.reset();
      tried.asked_.reset();
      place = choose(pool, tried);
    }
    if (!lease.held()) {
      if (awaits_word(pool, tried, place)) place = co_await choose_later(pool, tried);
      if (!place || tried.given_up()) break;
      if (!lease.hold(*this, pool.servers[*place])) continue;
      if (take_kept(pool, *place, tried, wish, lease)) co_return Chosen{.place = *place};
    }
    const auto& wanted = pool.servers[*place];
    auto slot = choose_slot(server(wanted.id), board_.usable(wanted.id, loop_.now()));
    if (!slot) {
      tried.add(*place);
      continue;
    }
    const auto start = base::SteadyClock::now();
    const auto connected = co_await connect(pool, wanted, *slot, tried, lease);
    if (connected) {
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(base::SteadyClock::now() - start);
      co_return Chosen{.place = *place, .connect = lease.reused_ ? std::chrono::microseconds(-1) : took};
    }
    last = connected.error();
    tried.add(*place);
    if (last.reason == base::Reason::no_server) continue;
    if (last.fault == base::Fault::proxy || tried.given_up()) break;
    if (std::exchange(tried.reported_, false)) continue;
    counters_.connect_failed(wanted.id);
    board_.report_failure(wanted.id, *slot, last.reason, loop_.now());
  }
  lease.reset();
  last.retry_safe = true;
  co_return std::unexpected(last);
}

}  // namespace drawbridge::upstream
