#include "proxy/upstream/server_watch.h"

#include "proxy/upstream/prober.h"
#include "proxy/upstream/resolver.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace drawbridge::upstream {
namespace {

// How late a change that workers noticed is told; workers themselves act on it at once.
constexpr base::Millis sweep_interval{250};
constexpr base::Millis path_timeout{5'000};

constexpr base::Millis not_asked_said_every{10'000};

std::string list(const EndpointSlots& slots) {
  std::string text;
  for (const auto& endpoint : slots) {
    if (!endpoint.empty()) text += (text.empty() ? "" : " ") + endpoint.text();
  }
  return text;
}

}  // namespace

struct ServerWatch::Parts {
  Parts(boost::asio::io_context& its_context, HealthBoard& its_board, base::EventLog& its_events,
        Listener its_listener)
      : context(its_context),
        board(its_board),
        events(its_events),
        listener(std::move(its_listener)),
        runner(context),
        prober(context, runner, board,
               {.changed = [this] { sweep(); },
                .not_asked = [this](const ProbeFinding& finding) { say_not_asked(finding); }}),
        resolver(context,
                 [this](core::ServerId server, const Resolver::Answer& answer) { resolved(server, answer); }),
        sweep_timer(context) {}

  struct Watched {
    Target target;
    bool lookup_failing = false;
  };
  struct Check {
    std::size_t missing = 0;
    std::vector<ProbeResult> results;
    Checked done;
  };

  void watch(const Target& target);
  void forget(core::ServerId server);
  void resolved(core::ServerId server, const Resolver::Answer& answer);
  void resolve_failed(Watched& watched, const std::string& reason);
  void say_not_asked(const ProbeFinding& finding);
  void sweep();
  void sweep_later();
  void tell(const HealthBoard::Change& change);
  std::vector<ProbeResult> addresses_of(core::ServerId server) const;
  void checked(std::uint64_t check, std::size_t place, const ProbeFinding& finding);

  boost::asio::io_context& context;
  HealthBoard& board;
  base::EventLog& events;
  Listener listener;
  ProbeRunner runner;
  Prober prober;
  Resolver resolver;
  boost::asio::steady_timer sweep_timer;
  std::map<core::ServerId, Watched> servers;
  std::map<std::uint64_t, Check> checks;
  std::uint64_t checks_begun = 0;
  base::SteadyTime not_asked_said{};
  bool stopped = false;
};

ServerWatch::ServerWatch(boost::asio::io_context& context, HealthBoard& board, base::EventLog& events,
                         Listener listener)
    : parts_(std::make_unique<Parts>(context, board, events, std::move(listener))) {
  parts_->sweep_later();
}

ServerWatch::~ServerWatch() = default;

void ServerWatch::set_targets(std::vector<Target> targets) {
  std::set<core::ServerId> wanted;
  for (const auto& target : targets) {
    wanted.insert(target.id);
    const auto known = parts_->servers.find(target.id);
    if (known == parts_->servers.end() || known->second.target != target) parts_->watch(target);
  }
  std::vector<core::ServerId> gone;
  for (const auto& [server, watched] : parts_->servers) {
    if (!wanted.contains(server)) gone.push_back(server);
  }
  for (const auto server : gone) parts_->forget(server);
}

void ServerWatch::stop() {
  parts_->stopped = true;
  parts_->sweep_timer.cancel();
  parts_->resolver.stop();
  parts_->prober.stop();
  parts_->runner.stop();
}

void ServerWatch::Parts::watch(const Target& target) {
  auto& watched = servers[target.id];
  const bool same_name =
      watched.target.address == target.address && watched.target.resolve_interval == target.resolve_interval;
  watched.target = target;
  board.watch(target.id, {.fall = target.health.passive_fall, .pause = target.health.passive_pause},
              base::now().wall);
  board.take_out(target.id, target.taken_out);
  prober.watch(target, board.slots(target.id));
  if (!same_name) resolver.watch(target.id, target.address, target.resolve_interval);
}

void ServerWatch::Parts::forget(core::ServerId server) {
  resolver.forget(server);
  prober.forget(server);
  board.forget(server);
  servers.erase(server);
  listener.addresses({server, std::nullopt});
}

void ServerWatch::Parts::resolved(core::ServerId server, const Resolver::Answer& answer) {
  const auto found = servers.find(server);
  if (found == servers.end()) return;
  auto& watched = found->second;
  if (!answer) return resolve_failed(watched, answer.error());
  if (std::exchange(watched.lookup_failing, false)) {
    events.info("resolve_recovered", {{"pool", watched.target.pool}, {"server", watched.target.address}});
  }
  const auto before = board.slots(server);
  const auto slots = board.set_addresses(server, *answer, base::now().wall);
  if (slots == before) return;
  if (!before.empty()) {
    events.info("addresses_changed", {{"pool", watched.target.pool},
                                      {"server", watched.target.address},
                                      {"before", list(before)},
                                      {"after", list(slots)}});
  }
  listener.addresses({server, slots});
  prober.watch(watched.target, slots);
}

// What is known stays in use: a name server that is down must not take the site with it.
void ServerWatch::Parts::resolve_failed(Watched& watched, const std::string& reason) {
  board.set_lookup_failure(watched.target.id, fmt::format("name not resolved: {}", reason));
  if (std::exchange(watched.lookup_failing, true)) return;
  if (auto slots = board.slots(watched.target.id); slots.empty()) listener.addresses({watched.target.id, slots});
  events.warning("resolve_failed",
                 {{"pool", watched.target.pool}, {"server", watched.target.address}, {"error", reason}});
  sweep();
}

void ServerWatch::Parts::say_not_asked(const ProbeFinding& finding) {
  const auto now = base::SteadyClock::now();
  if (now - not_asked_said < not_asked_said_every) return;
  not_asked_said = now;
  events.warning("probes_not_asked", {{"error", finding.reason}, {"hint", "servers keep their last state"}});
}

void ServerWatch::Parts::sweep_later() {
  if (stopped) return;
  sweep_timer.expires_after(sweep_interval);
  sweep_timer.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    sweep();
    sweep_later();
  });
}

void ServerWatch::Parts::sweep() {
  for (const auto& change : board.sweep(base::now().wall)) tell(change);
}

void ServerWatch::Parts::tell(const HealthBoard::Change& change) {
  const auto found = servers.find(change.server);
  if (found == servers.end()) return;
  const auto& target = found->second.target;
  const bool down = change.state == HealthState::down;
  const auto name =
      change.server_changed ? (down ? "server_down" : "server_up") : (down ? "address_down" : "address_up");
  base::EventLog::Fields fields{{"pool", target.pool}, {"server", target.address}};
  const auto address = change.endpoint.text();
  if (!address.empty() && address != target.address) fields.emplace_back("address", address);
  if (!change.reason.empty()) fields.emplace_back("reason", change.reason);
  events.write(down ? base::Severity::warning : base::Severity::info, name, std::move(fields));
  if (change.server_changed && listener.health) listener.health(change);
}

void ServerWatch::check_now(const std::vector<core::ServerId>& servers, Checked done, const std::string& path) {
  const auto number = ++parts_->checks_begun;
  auto& check = parts_->checks[number];
  check.done = std::move(done);
  for (const auto server : servers) {
    for (auto& place : parts_->addresses_of(server)) check.results.push_back(std::move(place));
  }
  check.missing = check.results.size();
  for (std::size_t place = 0; place < check.results.size(); ++place) {
    const auto& result = check.results[place];
    const auto ended = [parts = parts_.get(), number, place](const ProbeFinding& finding) {
      parts->checked(number, place, finding);
    };
    if (result.endpoint.empty()) {
      boost::asio::post(parts_->context, [ended, reason = result.reason] { ended({false, reason, {}}); });
    } else {
      const auto& target = parts_->servers.at(result.server).target;
      auto task = probe_task(target, result.endpoint);
      if (!path.empty()) {
        task.kind = target.health.http2 ? ProbeKind::http2 : ProbeKind::http1;
        task.path = path;
        task.timeout = std::max(task.timeout, path_timeout);
      }
      parts_->runner.run(std::move(task), ended);
    }
  }
  if (check.missing == 0) {
    boost::asio::post(parts_->context, [parts = parts_.get(), number] {
      const auto empty = parts->checks.extract(number);
      empty.mapped().done({});
    });
  }
}

// A result to be filled for each address; one that says why for a server without any.
std::vector<ProbeResult> ServerWatch::Parts::addresses_of(core::ServerId server) const {
  std::vector<ProbeResult> places;
  if (servers.contains(server)) {
    const auto slots = board.slots(server);
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      if (!slots[slot].empty()) places.push_back({.server = server, .slot = slot, .endpoint = slots[slot]});
    }
  }
  if (places.empty()) {
    const auto reason = board.health(server).reason;
    places.push_back({.server = server, .reason = reason.empty() ? "no address is known" : reason});
  }
  return places;
}

void ServerWatch::Parts::checked(std::uint64_t number, std::size_t place, const ProbeFinding& finding) {
  const auto found = checks.find(number);
  if (found == checks.end()) return;
  auto& check = found->second;
  auto& result = check.results[place];
  result.healthy = finding.healthy;
  result.reason = finding.reason;
  result.took = finding.took;
  if (--check.missing > 0) return;
  const auto complete = checks.extract(found);
  complete.mapped().done(std::move(complete.mapped().results));
}

}  // namespace drawbridge::upstream
