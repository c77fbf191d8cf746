#include "proxy/upstream/servers.h"

#include <array>
#include <string_view>
#include <utility>

namespace drawbridge::upstream {
namespace {

constexpr std::chrono::milliseconds sweep_interval{1'000};

}  // namespace

void Lease::keep(const core::PoolView& pool) {
  if (carrier_ != nullptr) return reset();
  auto& servers = *servers_;
  auto& server = servers.server(server_);
  const bool current = generation_ == server.generation;
  if (current && server.kept && !stream_->cancelled() && !servers.closing_ && !servers.budget_.scarce() &&
      servers.make_room_to_keep(pool, server, *this)) {
    const auto expires = servers.loop_.now() + pool.timing.idle;
    auto& idle = server.idle.emplace_back(std::move(stream_), slot_, expires);
    if (!greeting_.empty()) idle.greeting = std::move(greeting_);
    if (!servers.sweep_.armed()) servers.sweep_.arm(servers.loop_.now() + sweep_interval);
    leave_server();
    return;
  }
  reset();
}

// Those that began with a greeting serve one client each: the oldest, whose client is the likeliest to have gone,
// gives way to the newest.
bool Servers::make_room_to_keep(const core::PoolView& pool, Server& target, const Lease& lease) {
  if (target.idle.size() < pool.idle_connections_max) return true;
  if (lease.greeting_.empty() || target.idle.empty()) return false;
  target.idle.erase(target.idle.begin());
  closed(1);
  return true;
}

// A connection mostly has no greeting: then there are no strings to exchange.
void Servers::Idle::swap(Idle& other) noexcept {
  std::swap(stream, other.stream);
  std::swap(slot, other.slot);
  std::swap(expires, other.expires);
  if (!greeting.empty() || !other.greeting.empty()) greeting.swap(other.greeting);
}

// A kept connection that has something to read is not idle but broken: closed by the server, about to be, or with
// an answer to nobody that the next request would take for its own. What had come when this turn began, and so with
// all that came before the request, the loop knows. Of a connection that was given back in this turn it does not:
// then the oldest is taken, and if that is no better the kernel is asked (a system call, 3 % of a small request).
// For a write it is always asked: another request's answer would acknowledge what nobody has done; and for a server
// that has been met with such answers.
std::unique_ptr<net::Stream> Servers::take_idle(const core::PoolView& pool, Server& target, EndpointMask usable,
                                                bool certain, Lease& lease) {
  if (target.idle.empty()) return nullptr;
  // Of connections that are for one client each the oldest is of another, and must stay the first to give way.
  auto &oldest = target.idle.front(), &newest = target.idle.back();
  if (lease.greeting_.empty() && !newest.stream->was_quiet() && oldest.stream->was_quiet()) oldest.swap(newest);
  for (auto place = target.idle.size(); place-- > 0;) {
    if (target.idle[place].greeting != lease.greeting_) continue;
    auto& idle = target.idle[place];
    const bool same = idle.stream->tls_maker() == pool.tls.get();
    const bool good = same && idle.expires > loop_.now() && (usable >> idle.slot & 1U) != 0 &&
                      ((idle.stream->was_quiet() && !certain) || !idle.stream->has_input());
    if (good) lease.slot_ = idle.slot;
    auto stream = std::move(idle.stream);
    target.idle.erase(target.idle.begin() + static_cast<std::ptrdiff_t>(place));
    if (good) return stream;
    hear_out(lease.server_, *stream);
    stream.reset();
    closed(1);
  }
  return nullptr;
}

// What it said that is to be closed. An end is no news, nor is 408, the goodbye of a server that has waited for a
// request (RFC 9110 section 15.5.9).
void Servers::hear_out(core::ServerId id, net::Stream& stream) {
  std::array<char, 12> first{};
  auto reading = stream.read_some(first, loop_.now());
  if (!reading.await_ready()) return;
  const auto got = reading.await_resume();
  const std::string_view said(first.data(), got.value_or(0));
  const bool goodbye = said.starts_with("HTTP/1.") && said.ends_with(" 408");
  if (!said.empty() && !goodbye) strayed(id);
}

void Servers::strayed(core::ServerId id) {
  counters_.upstream_strays.add();
  board_.report_stray(id, loop_.now());
  if (strayed_) strayed_(id);
}

void Servers::shed_idle() {
  for (auto& target : servers_) {
    if (!target) continue;
    const auto count = target->idle.size();
    target->idle.clear();
    closed(count);
    retire_carriers(*target, true);
  }
}

void Servers::close_idle() {
  closing_ = true;
  shed_idle();
  for (auto& target : servers_) {
    if (target) retire_carriers(*target, false);
  }
}

void Servers::deadline_passed(net::Deadline&) {
  if (budget_.scarce()) return shed_idle();
  bool left = false;
  for (std::size_t id = 0; id < servers_.size(); ++id) {
    auto& target = servers_[id];
    if (!target) continue;
    closed(std::erase_if(target->idle, [&](const Idle& idle) {
      if (!idle.stream->quiet() && idle.stream->has_input()) {
        hear_out(static_cast<core::ServerId>(id), *idle.stream);
        return true;
      }
      return idle.expires <= loop_.now();
    }));
    left = left || !target->idle.empty();
  }
  if (left) sweep_.arm(loop_.now() + sweep_interval);
}

}  // namespace drawbridge::upstream
