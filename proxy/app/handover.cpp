#include "proxy/app/handover.h"

#include "proxy/net/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace drawbridge::app {
namespace {

using namespace std::chrono_literals;

// What a stop may take beyond what is in flight: last words, the state, the logs.
constexpr base::Millis beyond_flight{10'000};

constexpr base::Millis look_every{20}, look_late{1'000}, answer_within{5'000};

constexpr auto lost_hint = "it was in the way of a [[listener]] and listens no more: clients are refused there";

}  // namespace

Handover::Handover(net::ServiceManager manager, net::HandedOver handed, base::EventLog& events)
    : manager_(std::move(manager)), handed_(std::move(handed)), events_(events) {}

Handover::~Handover() {
  for (const auto& one : unwanted_) {
    if (!one.stopped) continue;
    const auto listens = net::listen_again(one.socket);
    if (!listens) events_.error("handed_over_lost", {{"error", listens.error().message}, {"hint", lost_hint}});
  }
}

std::vector<net::HandedSocket> Handover::claim(const std::vector<serve::Door>& doors) {
  for (const auto& what : handed_.unfit) events_.warning("handed_over_unfit", {{"what", what}});
  std::vector<net::HandedSocket> wanted;
  for (auto& socket : handed_.sockets) {
    const auto is_at = [&](const auto& door) { return net::canonical_address(door.address) == socket.address; };
    const auto is_in_the_way_of = [&](const auto& door) {
      return net::overlap(net::canonical_address(door.address), socket.address);
    };
    if (std::ranges::any_of(doors, is_at)) {
      claimed_from_store_ = claimed_from_store_ || socket.from_store;
      wanted.push_back(std::move(socket));
      continue;
    }
    const bool in_the_way = std::ranges::any_of(doors, is_in_the_way_of);
    if (in_the_way) net::stop_listening(socket);
    unwanted_.push_back({.socket = std::move(socket), .stopped = in_the_way});
  }
  handed_.sockets.clear();
  claimed_ = wanted.size();
  if (claimed_ > 0) events_.info("sockets_taken_over", {{"count", fmt::to_string(claimed_)}});
  return wanted;
}

void Handover::settle(const std::vector<int>& opened) {
  for (const auto& [socket, stopped] : std::exchange(unwanted_, {})) {
    events_.warning("handed_over_unwanted",
                    {{"address", socket.address}, {"hint", "no [[listener]] has it: closed"}});
    if (!stopped) net::stop_listening(socket);
    if (const auto done = manager_.let_go(net::keeping_name(socket.fd.get())); !done) failed(done.error());
  }
  keep(opened);
}

void Handover::keep(const std::vector<int>& opened) {
  opened_ = opened.size();
  const bool has_to_keep = opened_ > 0 || claimed_from_store_;
  if (!manager_.listens() || !has_to_keep) return;
  const auto given = give(opened);
  if (given) return;
  failed(given.error());
  error_ = given.error().message;
}

base::Expected<void> Handover::give(const std::vector<int>& opened) {
  for (const int fd : opened) {
    if (auto done = manager_.keep(fd, net::keeping_name(fd)); !done) return done;
  }
  // That of the process before, where nobody has seen that it ended.
  if (auto done = manager_.let_go(net::lent_name); !done) return done;
  auto lent = manager_.lend(net::lent_name);
  if (!lent) return std::unexpected(lent.error());
  auto heard = manager_.barrier();
  if (!heard) return std::unexpected(heard.error());
  lent_ = std::move(*lent);
  heard_ = std::move(*heard);
  return {};
}

admin::KeptSockets Handover::facts() const {
  using admin::Keeping;
  admin::KeptSockets facts{.keeping = Keeping::nobody, .sockets = claimed_ + opened_, .error = error_};
  if (!error_.empty()) {
    facts.keeping = Keeping::unreachable;
  } else if (!lent_.valid()) {
    facts.keeping = claimed_ > 0 && opened_ == 0 ? Keeping::starter : Keeping::nobody;
  } else if (net::has_hung_up(lent_)) {
    facts.keeping = Keeping::no_room;
  } else if (net::has_hung_up(heard_)) {
    facts.keeping = Keeping::manager;
  } else {
    facts.keeping = is_late_ ? Keeping::silent : Keeping::asked;
  }
  return facts;
}

bool Handover::outlives_us() const {
  const auto keeping = facts().keeping;
  return claimed_ > 0 || keeping == admin::Keeping::manager || keeping == admin::Keeping::asked;
}

void Handover::report(control::Alarms& alarms) {
  if (lent_.valid()) look(alarms, alarms.now().steady + answer_within);
}

// An answer that comes late is one all the same.
void Handover::look(control::Alarms& alarms, base::SteadyTime until) {
  const auto now = alarms.now().steady;
  const bool was_late = std::exchange(is_late_, now >= until);
  const auto found = facts();
  const bool undecided = found.keeping == admin::Keeping::asked || found.keeping == admin::Keeping::silent;
  if (undecided)
    alarms.at(now + (is_late_ ? look_late : look_every), [this, &alarms, until] { look(alarms, until); });
  if (found.keeping == admin::Keeping::asked || (undecided && was_late)) return;
  const auto check = admin::check_kept_sockets(found);
  if (check.result == admin::Health::ok) {
    events_.info("sockets_kept", {{"count", fmt::to_string(found.sockets)}});
  } else {
    events_.warning("sockets_not_kept", {{"what", check.text}, {"hint", check.advice}});
  }
}

void Handover::serving() {
  tell("READY=1\nSTATUS=Serving.");
}

// systemd would kill at TimeoutStopSec what was given longer by our own configuration.
void Handover::ending(base::Millis grace, base::Millis longest) {
  const auto limit = std::chrono::microseconds(longest + beyond_flight).count();
  tell(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS=Ending: what is in flight has {}.", limit,
                   base::format_duration(grace)));
}

void Handover::tell(std::string_view lines) {
  if (const auto done = manager_.tell(lines); !done) failed(done.error());
}

void Handover::failed(const base::Error& error) {
  events_.warning("service_manager_unreachable", {{"error", error.message}});
}

}  // namespace drawbridge::app
