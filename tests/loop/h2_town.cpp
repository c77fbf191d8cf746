#include "tests/loop/h2_town.h"

#include "proxy/base/time.h"

#include <doctest/doctest.h>

namespace drawbridge::tests {
namespace {

net::Task<> board(Town& town, const core::PoolView& pool, Rider& rider, Town::Opens opens, net::Signal* cue) {
  if (cue != nullptr) co_await cue->wait();
  const auto got = co_await town.servers.lease(pool, rider.tried, rider.wish, rider.lease);
  if (!got) rider.failure = got.error();
  if (got && opens == Town::Opens::at_once) CHECK(rider.open());
}

}  // namespace

bool Rider::open() {
  const auto id = lease.open_stream({.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, guest);
  guest.id = id.value_or(0);
  lease.carrier()->changed();
  return id.has_value();
}

void Rider::leave() {
  auto& carrier = *lease.carrier();
  if (guest.id != 0 && !guest.closed) {
    carrier.session().abandon(guest.id, http::H2Code::cancel);
    carrier.changed();
  }
  lease.reset();
}

Town::Town() {
  pool.protocol = core::UpstreamProtocol::h2c;
  pool.servers.push_back({.id = 0, .address = server.address()});
  board.watch(0, {.fall = 0}, base::now().wall);
  set_addresses({server.address()});
}

Town::~Town() {
  for (auto& rider : riders) {
    rider.tried.give_up();
    if (rider.lease) rider.leave();
  }
  servers.close_idle();
  for (int turns = 0; loop.tasks() > 0 && turns < 100; ++turns) pass(1s);
  CHECK(loop.tasks() == 0);
  CHECK(registry.worker(0).in_flight_at(0) == 0);
  CHECK(registry.worker(0).upstream_connections_open.value() == 0);
}

void Town::set_addresses(const std::vector<std::string>& addresses) {
  std::vector<net::Endpoint> endpoints;
  for (const auto& address : addresses) endpoints.push_back(*net::parse_endpoint(address));
  servers.set_addresses(0, board.set_addresses(0, endpoints, {}));
}

void Town::settle() {
  for (int still = 0; still < 3;) still = loop.turn_at(now) ? 0 : still + 1;
}

void Town::pass(std::chrono::milliseconds time) {
  now += time;
  settle();
}

Rider& Town::ride(Opens opens) {
  auto& rider = riders.emplace_back();
  loop.spawn(tests::board(*this, pool, rider, opens, nullptr));
  settle();
  return rider;
}

Rider& Town::ride_by(const core::PoolView& rules) {
  auto& rider = riders.emplace_back();
  loop.spawn(tests::board(*this, rules, rider, Opens::at_once, nullptr));
  settle();
  return rider;
}

Rider& Town::ride_at(net::Signal& cue) {
  auto& rider = riders.emplace_back();
  loop.spawn(tests::board(*this, pool, rider, Opens::at_once, &cue));
  return rider;
}

Link& Town::accept(const std::string& settings) {
  auto& link = links.emplace_back(server.accept());
  link.say(settings + h2::settings_ack());
  settle();
  link.heard();
  return link;
}

void Town::fill() {
  const auto one_stream = h2::settings({{max_concurrent_streams, 1}});
  for (std::size_t i = 0; i < carriers_max; ++i) {
    ride();
    accept(one_stream);
  }
}

std::string answer(std::uint32_t stream) {
  return h2::headers(stream, {{":status", "204"}}, h2::end_stream | h2::end_headers);
}

}  // namespace drawbridge::tests
