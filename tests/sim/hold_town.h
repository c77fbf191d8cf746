#pragma once

#include "proxy/core/parking_lot.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace drawbridge::sim {

// Clients that write to one site through four workers: whoever meets a hold waits in his worker's lot, and all go
// on in one order. What the lots promise is asserted as it happens; what becomes of a client that goes on is the
// world's business.
class HoldTown {
 public:
  static constexpr std::size_t workers = 4;
  static constexpr std::uint32_t requests_max = 40;
  static constexpr base::Millis wait_max{1'500};
  static constexpr double per_second = 20;  // of all workers

  struct Client final : core::ParkingLot::Waiter {
    HoldTown* town = nullptr;
    std::size_t worker = 0;
    core::Ticket place = 0;
    base::SteadyTime since;

    void go_on(core::ParkEnd end) override { town->went_on(*this, end); }
  };

  HoldTown() {
    release_.set_pace(site, per_second);
    for (std::size_t worker = 0; worker < workers; ++worker) {
      lots_.emplace_back(release_, site, worker);
      release_.attend(worker, [this, worker] { woken_[worker] = true; });
    }
  }

  HoldTown(const HoldTown&) = delete;
  HoldTown& operator=(const HoldTown&) = delete;
  ~HoldTown() {
    for (const auto& [place, client] : clients_) lots_[client->worker].forget(*client);
  }

  // A client meets the hold that began at `hold_since`. False: no place.
  bool park(std::size_t worker, base::WallTime hold_since, base::SteadyTime now) {
    if (!counts_.enter(site, requests_max)) {
      REQUIRE(waiting() == requests_max);
      lots_[worker].overflow(hold_since);
      ++overflowed;
      return false;
    }
    REQUIRE(waiting() < requests_max);
    auto client = std::make_unique<Client>();
    client->town = this;
    client->worker = worker;
    client->place = ++tickets_;
    client->since = now;
    lots_[worker].enter(*client, client->place, hold_since, now);
    clients_.emplace(client->place, std::move(client));
    ++parked;
    return true;
  }

  // A publication reaches the workers.
  void review(bool still_held) {
    ++epoch_;
    for (std::size_t worker = 0; worker < workers; ++worker) {
      lots_[worker].review([&](core::ParkingLot::Waiter&) { return still_held; });
      release_.reviewed(worker, epoch_);
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
    let_go(now);
    for (const auto& lot : lots_) REQUIRE(lot.oldest(now) < wait_max);
    REQUIRE(counts_.of(site) == clients_.size());
    REQUIRE(waiting() == clients_.size());
    // Nobody who waits came before one who was let go.
    if (!clients_.empty()) REQUIRE(clients_.begin()->first > last_released_);
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
  // Some worker is the first to look; those whose clients were called are woken.
  void let_go(base::SteadyTime now) {
    const auto first = ++looks_ % workers;
    release_.call_due(first, now);
    woken_[first] = true;
    for (std::size_t worker = 0; worker < workers; ++worker) {
      if (std::exchange(woken_[worker], false)) lots_[worker].release_called(now);
    }
  }

  void went_on(Client& client, core::ParkEnd end) {
    lots_[client.worker].forget(client);
    if (end == core::ParkEnd::released && !quiet_) {
      REQUIRE_FALSE(held_);
      last_released_ = std::max(last_released_, client.place);
      release_times_.push_back(now_);
      while (now_ - release_times_.front() >= std::chrono::seconds(1)) release_times_.pop_front();
      REQUIRE(static_cast<double>(release_times_.size()) <= per_second);
      released.push_back(client.worker);
    }
    if (end == core::ParkEnd::wait_over) {
      ++in_vain;
      REQUIRE(now_ - client.since >= wait_max);
    }
    if (end == core::ParkEnd::client_gone) ++left;
    counts_.leave(site);
    clients_.erase(client.place);
  }

  static constexpr core::SiteId site = 0;
  core::ParkedCounts counts_;
  core::Release release_;
  std::deque<core::ParkingLot> lots_;
  std::array<bool, workers> woken_{};
  core::Ticket last_released_ = 0;
  std::deque<base::SteadyTime> release_times_;  // within a second
  std::map<core::Ticket, std::unique_ptr<Client>> clients_;
  std::uint64_t epoch_ = 0;
  std::size_t looks_ = 0;
  core::Ticket tickets_ = 0;
  base::SteadyTime now_;
  bool held_ = false;
  bool quiet_ = false;
};

}  // namespace drawbridge::sim
