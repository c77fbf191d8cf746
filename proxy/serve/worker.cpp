#include "proxy/serve/worker.h"

#include "proxy/serve/connection.h"
#include "proxy/serve/greeting.h"
#include "proxy/serve/introduction.h"
#include "proxy/serve/tunnel.h"
#include "proxy/serve/turn_away.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

namespace drawbridge::serve {
namespace {

constexpr std::chrono::seconds pause_said_every{10};
constexpr std::chrono::seconds abuse_said_every{10};

// At each look for idle connections that give way to new ones.
constexpr std::size_t idle_looked_at_max = 1'024;
constexpr std::size_t idle_ended_max = 64;
constexpr std::size_t read_in_turn_max = 64;  // new connections
constexpr std::chrono::milliseconds room_made_every{10};

bool is_silent(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

}  // namespace

Worker::Worker(Shared& shared, std::size_t index)
    : shared_(shared),
      index_(index),
      counters_(shared.registry.worker(index)),
      log_(shared.access_log.lane(index)),
      buffers_(loop_.wheel()),
      workspaces_(loop_.wheel(), buffers_),
      ledger_(*this),
      servers_(loop_, buffers_, shared.board, shared.seats, shared.upstream_connections, counters_),
      parking_(loop_, shared.parked, shared.release, index),
      newcomers_(loop_.wheel(), *this),
      last_words_(loop_.wheel(), *this) {
  loop_.limit_io(shared.io_bytes_max);
  servers_.on_tls_failed(
      [this](const auto& pool, const auto& server, const auto& error) { server_not_trusted(pool, server, error); });
  servers_.on_strayed([this](core::ServerId server) { server_strayed(server); });
}

Worker::~Worker() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) shared_.census.line().leave({index_, i});
  connections_.clear_and_dispose(std::default_delete<Connection>());
}

void Worker::run() {
  loop_.run();
}

void Worker::listen(std::vector<net::UniqueFd> sockets, const Door& door) {
  net::Listener::Handler& handler = *this;
  for (auto& fd : sockets) {
    listeners_.push_back(std::make_unique<net::Listener>(loop_, std::move(fd), handler, listeners_.size()));
    door_of_.push_back(doors_.size());
  }
  doors_.push_back(door);
}

void Worker::listen(net::UniqueFd fd, const Door& door) {
  std::vector<net::UniqueFd> sockets;
  sockets.push_back(std::move(fd));
  listen(std::move(sockets), door);
}

void Worker::begin_shutdown(const Parting& parting) {
  for (auto& listener : listeners_) listener->close();
  stopping_ = true;
  parting_ = parting;
  servers_.close_idle();
  parking_.close();
  const auto count = static_cast<std::int64_t>(std::distance(connections_.begin(), connections_.end()));
  const auto step = std::chrono::nanoseconds(parting.tunnel_spread) / std::max<std::int64_t>(count, 1);
  auto at = loop_.now();
  for (auto& connection : connections_) connection.begin_shutdown(std::exchange(at, at + step));
  newcomers_.arm(loop_.now() + parting.newcomer_time);
  loop_.stop();
}

void Worker::deadline_passed(net::Deadline& deadline) {
  for (auto& greeting : greetings_) {
    if (!greeting.stream.has_input()) greeting.stream.cancel(base::Reason::cancelled);
  }
  for (auto& connection : connections_) {
    if (&deadline == &newcomers_) {
      connection.close_if_idle();
    } else {
      connection.end();
    }
  }
}

void Worker::end_old(base::SteadyTime before) {
  ledger_.end_old(before);
  for (auto& connection : connections_) connection.end_unfinished_head();
  for (auto& greeting : greetings_) greeting.stream.cancel(base::Reason::cancelled);
}

void Worker::end_all() {
  for (auto& connection : connections_) connection.end();
  for (auto& greeting : greetings_) greeting.stream.cancel(base::Reason::cancelled);
  last_words_.arm(loop_.now() + 2 * Tunnel::last_words_time);
}

// Who comes while others wait in line goes to its end.
bool Worker::may_accept(std::size_t listener, base::SteadyTime came) {
  auto& line = shared_.census.line();
  if (line.empty()) return !shared_.census.full();
  return line.is_next({index_, listener}, came) && !shared_.census.full();
}

// All places are taken: the oldest connections without a request give theirs to who waits, probably with one.
net::Listener::Handler::Patience Worker::kept_waiting(std::size_t listener, const net::Arrivals& waiting) {
  auto& line = shared_.census.line();
  line.stand({index_, listener},
             {.first_came = *waiting.first(), .count = waiting.count(), .call = [this, listener] {
                post([this, listener] { listeners_[listener]->look(); });
              }});
  const auto now = loop_.now();
  Patience patience{.ask_again = now + net::Listener::pause};
  if (!shared_.census.full()) {
    line.place_free();
    return patience;
  }
  const bool looked_lately = now - room_made_at_ < room_made_every;
  if (make_room()) {
    patience.ask_again = room_made_at_ + room_made_every;
    return patience;
  }
  if (!looked_lately && shared_.places_wanted) shared_.places_wanted();
  patience.too_long_since = line.too_long_since(now);
  return patience;
}

void Worker::nobody_waits(std::size_t listener) {
  auto& line = shared_.census.line();
  if (line.empty()) return;
  line.leave({index_, listener});
  if (!shared_.census.full()) line.place_free();
}

bool Worker::make_room() {
  const auto now = loop_.now();
  if (now - room_made_at_ < room_made_every) return room_made_;
  room_made_at_ = now;
  room_made_ = end_idle(std::clamp<std::size_t>(shared_.census.line().count(), 1, idle_ended_max)) > 0;
  return room_made_;
}

std::size_t Worker::end_idle(std::size_t most) {
  std::size_t looked_at = 0, ended = 0;
  for (auto& connection : connections_) {
    if (++looked_at > idle_looked_at_max || ended == most) break;
    if (connection.past_its_first_moment() && connection.close_if_idle()) ++ended;
  }
  return ended;
}

void Worker::turned_away(net::UniqueFd client, std::size_t listener) {
  counters_.connections_accepted.add();
  counters_.connections_refused.add();
  const auto& census = shared_.census;
  const bool say_so = shared_.census.turned_away(loop_.now());
  turn_away(
      std::move(client),
      doors_[door_of_[listener]].tls != nullptr);  // counted before: who has the answer finds it in the numbers
  if (!say_so) return;
  shared_.events.warning("clients_turned_away", {{"connections_max", std::to_string(census.limit())},
                                                 {"so_far", std::to_string(census.turned_away_total())},
                                                 {"hint", "`proxyctl doctor` shows what the limit comes from"}});
}

// One that has waited has had a moment for its first request: if it has said nothing, it does not get another one.
void Worker::accepted(net::UniqueFd fd, const sockaddr_storage& peer, std::size_t listener, base::SteadyTime came) {
  const auto client = address_of(peer);
  const auto& address = client.ip;
  const auto& door = doors_[door_of_[listener]];
  const bool balanced = !door.proxies.empty();
  counters_.connections_accepted.add();
  if (balanced && !door.proxies.contains(address)) return greeting_refused(address, "not in proxy_protocol_from");
  if (!shared_.census.line().empty()) shared_.census.line().let_in(loop_.now());
  auto seat = shared_.census.enter(address, balanced || snapshot().trusted.contains(address));
  if (!seat) return counters_.connections_refused.add();
  if (balanced) return loop_.spawn(introduce(std::move(fd), client, door, std::move(*seat)));
  if (came != loop_.now() && !is_silent(fd.get())) came = loop_.now();
  welcome(std::move(fd), {.client = client, .local = {}}, door, std::move(*seat), came);
}

void Worker::welcome(net::UniqueFd fd, const http::ProxyParties& parties, const Door& door, Census::Seat seat,
                     base::SteadyTime came) {
  auto connection = std::make_unique<Connection>(*this, std::move(fd), parties, door, std::move(seat), came);
  connections_.push_back(*connection);
  reads_at_once() ? Connection::begin(std::move(connection)) : Connection::rest(std::move(connection));
  // A balancer may have been slow to say whom it speaks for: then the moment for the first request begins now.
  if (stopping_) newcomers_.arm(loop_.now() + parting_.newcomer_time);
}

// Of thousands that come at once most are heard through the loop, some hundred a turn: between them the servers'
// answers are heard, and their connections serve the next ones. Else each would open one of its own.
bool Worker::reads_at_once() {
  if (std::exchange(read_turn_, loop_.turns()) != loop_.turns()) read_in_turn_ = 0;
  return ++read_in_turn_ <= read_in_turn_max;
}

net::Task<> Worker::introduce(net::UniqueFd fd, http::SocketAddress balancer, const Door& door, Census::Seat seat) {
  counters_.connections_open.add();
  const auto heard = co_await greeting_of(fd);
  counters_.connections_open.subtract();
  if (!heard) {
    // A balancer that only looks whether we are there says nothing, and one may be cut short by our own end.
    const auto reason = heard.error().reason;
    const bool its_fault = reason != base::Reason::closed && reason != base::Reason::cancelled;
    if (its_fault) greeting_refused(balancer.ip, base::name(reason));
    co_return;
  }
  const auto now = loop_.now();
  if (!*heard) co_return welcome(std::move(fd), {.client = balancer, .local = {}}, door, std::move(seat), now);
  const auto& client = (*heard)->client.ip;
  auto own = shared_.census.enter(client, snapshot().trusted.contains(client));
  if (!own) co_return counters_.connections_refused.add();
  welcome(std::move(fd), **heard, door, std::move(*own), now);
}

net::Task<Worker::Heard> Worker::greeting_of(net::UniqueFd& fd) {
  Greeting greeting(loop_, std::move(fd));
  greetings_.push_back(greeting);
  auto heard = co_await hear_greeting(greeting.stream, loop_.now() + shared_.greeting_time);
  fd = greeting.stream.release();
  co_return heard;
}

void Worker::greeting_refused(const http::IpAddress& balancer, std::string_view reason) {
  counters_.connections_refused.add();
  if (loop_.now() - greeting_said_ < pause_said_every) return;
  greeting_said_ = loop_.now();
  shared_.events.warning("proxy_header_refused", {{"from", std::string(http::format_ip(balancer).view())},
                                                  {"reason", std::string(reason)}});
}

void Worker::accept_paused(int os_error) {
  counters_.accept_pauses.add();
  servers_.shed_idle();
  end_idle(idle_ended_max);
  if (shared_.descriptors_exhausted) shared_.descriptors_exhausted();
  if (loop_.now() - pause_said_ < pause_said_every) return;
  pause_said_ = loop_.now();
  shared_.events.error("accept_paused", {{"error", std::strerror(os_error)},
                                         {"hint", "raise the limit of open files; `proxyctl doctor` shows it"}});
}

void Worker::h2_abused(std::string_view client, std::string_view bound) {
  counters_.h2_abuses.add();
  if (loop_.now() - abuse_said_ < abuse_said_every) return;
  abuse_said_ = loop_.now();
  shared_.events.warning("http2_abuse", {{"client", std::string(client)}, {"bound", std::string(bound)}});
}

void Worker::server_strayed(core::ServerId server) {
  const auto [said, first] = strays_said_.try_emplace(server, loop_.now());
  if (!first && loop_.now() - said->second < pause_said_every) return;
  said->second = loop_.now();
  for (const auto& pool : snapshot().pools) {
    for (const auto& strayed : pool->servers) {
      if (strayed.id != server) continue;
      shared_.events.error("upstream_strayed",
                           {{"pool", pool->name},
                            {"server", strayed.address},
                            {"hint",
                             "it sent bytes that no request had asked for: its answers may reach "
                             "the wrong clients"}});
    }
  }
}

void Worker::server_not_trusted(const core::PoolView& pool, const core::PoolServer& server,
                                const std::string& error) {
  const auto [said, first] = tls_failures_said_.try_emplace(server.id, loop_.now());
  if (!first && loop_.now() - said->second < pause_said_every) return;
  said->second = loop_.now();
  shared_.events.error("upstream_tls_failed", {{"pool", pool.name}, {"server", server.address}, {"error", error}});
}

void Worker::ended_unknown(std::uint64_t drain_id, core::OpenRequest request) {
  shared_.ended_unknown(drain_id, request);
}

void Worker::drained(std::uint64_t drain_id, const core::ClassCounts& ended) {
  shared_.drained(index_, drain_id, ended);
}

void Worker::epochs_below_ended(std::uint64_t epoch) {
  shared_.epochs_ended(index_, epoch);
}

base::WallTime Worker::wall_now() {
  if (wall_read_ != loop_.now()) {
    wall_read_ = loop_.now();
    wall_now_ = base::now().wall;
  }
  return wall_now_;
}

std::string_view Worker::http_date() {
  const auto second = std::chrono::floor<std::chrono::seconds>(wall_now().time_since_epoch());
  if (second != date_second_) {
    date_second_ = second;
    const auto text = base::format_http_date(wall_now());
    std::memcpy(date_.data(), text.data(), date_.size());
  }
  return {date_.data(), date_.size()};
}

const core::AnswerSet& Worker::no_server_answers(const core::SiteView& site) {
  auto& answers = no_server_[site.id];
  if (!answers) answers = pages::make_no_server_answers(site.name, site.retry_after);
  return *answers;
}

}  // namespace drawbridge::serve
