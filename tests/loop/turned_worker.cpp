#include "tests/loop/turned_worker.h"

#include "proxy/net/listener.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace drawbridge::tests {

TurnedWorkers::TurnedWorkers(std::size_t count, const serve::Door& door)
    : registry_(count), log_(std::move(*obs::AccessLog::open({}, count, events_))) {
  shared_ = std::make_unique<serve::Shared>(board_, registry_, *log_, events_);
  shared_->workers = count;
  shared_->drained = [](std::size_t, std::uint64_t, const core::ClassCounts&) {};
  shared_->ended_unknown = [](std::uint64_t, const core::OpenRequest&) {};
  shared_->epochs_ended = [](std::size_t, std::uint64_t) {};
  snapshot_.epoch = 1;
  snapshot_.pools.push_back(std::make_unique<core::PoolView>());
  snapshot_.pools.back()->servers.push_back({.id = 0, .address = "127.0.0.1:1"});
  shared_->published = &snapshot_;
  for (std::size_t i = 0; i < count; ++i) {
    auto listening = net::listen_on("127.0.0.1:0");
    REQUIRE(listening.has_value());
    ports_.push_back(net::parse_endpoint(net::bound_address(listening->get()))->port());
    workers_.emplace_back(*shared_, i).listen(std::move(*listening), door);
    workers_.back().ledger().published(snapshot_);
    now_ = std::max(now_, workers_.back().loop().now());
  }
}

TurnedWorkers::~TurnedWorkers() {
  for (auto& worker : workers_) {
    worker.begin_shutdown({});
    worker.end_all();
  }
  const auto busy = [](serve::Worker& worker) { return worker.loop().tasks() > 0; };
  for (int seconds = 0; std::ranges::any_of(workers_, busy) && seconds < 100; ++seconds) {
    pass(std::chrono::seconds(1));
  }
  CHECK(std::ranges::none_of(workers_, busy));
}

std::uint64_t TurnedWorkers::accepted(std::size_t worker) {
  return registry_.worker(worker).connections_accepted.value();
}

std::size_t TurnedWorkers::events(std::string_view name) const {
  const auto said = events_.since(0);
  return static_cast<std::size_t>(
      std::ranges::count_if(said, [&](const auto& event) { return event.name == name; }));
}

bool TurnedWorkers::turn(std::size_t worker) {
  return workers_[worker].loop().turn_at(now_);
}

void TurnedWorkers::settle() {
  for (int still = 0; still < 3;) {
    bool moved = false;
    for (std::size_t i = 0; i < workers_.size(); ++i) moved = turn(i) || moved;
    still = moved ? 0 : still + 1;
  }
}

void TurnedWorkers::pass(std::chrono::milliseconds time) {
  now_ += time;
  settle();
}

std::string heard(RawSocket& socket) {
  std::string all;
  while (!socket.quiet_for(0)) {
    const auto some = socket.read_some();
    if (some.empty()) break;
    all += some;
  }
  return all;
}

bool has_ended(RawSocket& socket) {
  while (!socket.quiet_for(0)) {
    if (socket.read_some().empty()) return true;
  }
  return false;
}

}  // namespace drawbridge::tests
