#pragma once

#include "proxy/core/parking_lot.h"

#include <doctest/doctest.h>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace drawbridge::sim {

// Clients that write to one site through four workers: whoever meets a hold waits in his worker's lot. What the
// lots promise is asserted as it happens; what becomes of a client that goes on is the world's business.
class HoldTown {
 public:
  static constexpr std::size_t workers = 4;
  static constexpr std::uint32_t requests_max = 40;
  static constexpr base::Millis wait_max{1'500};
  static constexpr double per_second = 5;  // of one worker

  struct Client final : core::ParkingLot::Waiter {
    HoldTown* town = nullptr;
    std::size_t worker = 0;
    std::uint64_t place = 0;  // in his lot's order
    base::SteadyTime since;
    bool released = false;

    void go_on(core::ParkEnd end) override { town->went_on(*this, end); }
  };

  // A client meets the hold that began at `hold_since`. False: no place.
  bool park(std::size_t worker, base::WallTime hold_since, base::SteadyTime now) {
    if (!counts_.enter(0, requests_max)) {
      REQUIRE(waiting() == requests_max);
      lots_[worker].overflow(hold_since);
      ++overflowed;
      return false;
    }
    REQUIRE(waiting() < requests_max);
    auto client = std::make_unique<Client>();
    client->town = this;
    client->worker = worker;
    client->place = ++places_;
    client->since = now;
    lots_[worker].enter(*client, hold_since, per_second, now);
    clients_.emplace(client->place, std::move(client));
    ++parked;
    return true;
  }

  // A publication reaches the workers.
  void review(bool still_held) {
    for (auto& lot : lots_) {
      lot.review([&](core::ParkingLot::Waiter&) { return still_held; });
    }
  }

  // The workers' clocks move on: who has waited too long is refused, who may go goes.
  void tick(base::SteadyTime now, bool held) {
    now_ = now;
    held_ = held;
    std::vector<Client*> late;
    for (const auto& [place, client] : clients_) {
      if (now - client->since >= wait_max) late.push_back(client.get());
    }
    for (auto* client : late) lots_[client->worker].end(*client, core::ParkEnd::wait_over, now);
    for (auto& lot : lots_) lot.release_due(now);
    for (const auto& lot : lots_) REQUIRE(lot.oldest(now) < wait_max);
    REQUIRE(counts_.of(0) == clients_.size());
    REQUIRE(waiting() == clients_.size());
  }

  // Somebody loses patience.
  void leave(std::size_t which) {
    if (clients_.empty()) return;
    auto at = std::next(clients_.begin(), static_cast<std::ptrdiff_t>(which % clients_.size()));
    lots_[at->second->worker].end(*at->second, core::ParkEnd::client_gone, now_);
  }

  // The process ends: nobody hears anything.
  void crash() {
    quiet_ = true;
    for (auto& lot : lots_) lot.end_all(core::ParkEnd::shutdown, now_);
    quiet_ = false;
    released.clear();
    parked = overflowed = in_vain = left = 0;
  }
  void begin_account() { parked = overflowed = in_vain = left = 0; }

  std::uint64_t waiting() const {
    std::uint64_t sum = 0;
    for (const auto& lot : lots_) sum += lot.waiting();
    return sum;
  }
  core::HoldAccount account() const {
    core::HoldAccount all;
    for (const auto& lot : lots_) all += lot.account();
    return all;
  }

  std::deque<std::size_t> released;  // workers whose client decides again
  std::uint64_t parked = 0, overflowed = 0, in_vain = 0, left = 0;

 private:
  void went_on(Client& client, core::ParkEnd end) {
    auto& worker = order_[client.worker];
    if (end == core::ParkEnd::released && !quiet_) {
      REQUIRE_FALSE(held_);
      REQUIRE(client.place > worker.last_place);
      worker.last_place = client.place;
      worker.times.push_back(now_);
      while (now_ - worker.times.front() >= std::chrono::seconds(1)) worker.times.pop_front();
      REQUIRE(static_cast<double>(worker.times.size()) <= per_second);
      released.push_back(client.worker);
    }
    if (end == core::ParkEnd::wait_over) {
      ++in_vain;
      REQUIRE(now_ - client.since >= wait_max);
    }
    if (end == core::ParkEnd::client_gone) ++left;
    counts_.leave(0);
    clients_.erase(client.place);
  }

  struct Order {
    std::uint64_t last_place = 0;
    std::deque<base::SteadyTime> times;  // of releases, within a second
  };
  core::ParkedCounts counts_;
  std::array<core::ParkingLot, workers> lots_;
  std::array<Order, workers> order_;
  std::map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::uint64_t places_ = 0;
  base::SteadyTime now_;
  bool held_ = false;
  bool quiet_ = false;
};

}  // namespace drawbridge::sim
