#include "proxy/core/parking_lot.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

using namespace drawbridge;
using base::Millis;
using base::SteadyTime;

namespace {

constexpr core::SiteId site = 7;
constexpr Millis tick{32};

// Requests of one site on several workers, each with its lot and a clock of its own, and one order for all. A
// worker that is woken looks at once, if it is not deaf; one that is let go is decided anew at once, if it is not
// slow.
class Hall {
 public:
  struct Guest final : core::ParkingLot::Waiter {
    Hall* hall = nullptr;
    std::size_t worker = 0;
    core::Ticket ticket = 0;
    void go_on(core::ParkEnd end) override { hall->went_on(*this, end); }
  };

  Hall(std::size_t workers, double per_second) {
    release_.set_pace(site, per_second);
    for (std::size_t worker = 0; worker < workers; ++worker) {
      lots_.emplace_back(release_, site, worker);
      release_.attend(worker, [this, worker] { woken_.insert(worker); });
    }
  }
  Hall(const Hall&) = delete;
  Hall& operator=(const Hall&) = delete;
  ~Hall() {
    for (auto& guest : guests_) lots_[guest.worker].forget(guest);
  }

  Guest& come(std::size_t worker) { return come(worker, ++tickets_); }
  Guest& come(std::size_t worker, core::Ticket ticket) {
    auto& guest = guests_.emplace_back();
    guest.hall = this;
    guest.worker = worker;
    guest.ticket = ticket;
    lots_[worker].enter(guest, ticket, {}, now);
    return guest;
  }
  void leave(Guest& guest) { lots_[guest.worker].end(guest, core::ParkEnd::client_gone, now); }
  void forget(Guest& guest) { lots_[guest.worker].forget(guest); }

  using StillHeld = std::function<bool(const Guest&)>;
  static bool nobody(const Guest&) { return false; }
  static bool everybody(const Guest&) { return true; }

  // A publication reaches one worker; it may be the last one.
  void review(std::size_t worker, std::uint64_t epoch, const StillHeld& still_held) {
    lots_[worker].review([&](core::ParkingLot::Waiter& waiter) { return still_held(static_cast<Guest&>(waiter)); });
    release_.reviewed(worker, epoch);
    look(worker);
  }
  void publish(std::uint64_t epoch, const StillHeld& still_held) {
    for (std::size_t worker = 0; worker < lots_.size(); ++worker) review(worker, epoch, still_held);
  }
  void look(std::size_t worker) {
    release_.call_due(worker, now + skew[worker]);
    lots_[worker].release_called(now);
    for (auto at = woken_.begin(); at != woken_.end();) {
      if (deaf.contains(*at)) {
        ++at;
        continue;
      }
      lots_[*at].release_called(now);
      at = woken_.erase(at);
    }
  }
  void look_as_all() {
    for (std::size_t worker = 0; worker < lots_.size(); ++worker) {
      if (!deaf.contains(worker)) look(worker);
    }
  }
  std::size_t waiting() const {
    std::size_t sum = 0;
    for (const auto& lot : lots_) sum += lot.waiting();
    return sum;
  }
  std::size_t to_be_called() const {
    std::size_t sum = 0;
    for (const auto& lot : lots_) sum += lot.to_be_called();
    return sum;
  }
  core::Release& release() { return release_; }

  SteadyTime now{Millis(1'000'000)};
  std::map<std::size_t, Millis> skew;  // of a worker's clock
  std::set<std::size_t> deaf;          // workers that do not look
  bool slow = false;                   // nobody is decided anew
  std::vector<core::Ticket> gone;      // in the order of going on
  std::vector<SteadyTime> times;       // of these
  std::vector<Guest*> undecided;

 private:
  void went_on(Guest& guest, core::ParkEnd end) {
    if (end != core::ParkEnd::released) return;
    gone.push_back(guest.ticket);
    times.push_back(now);
    if (slow) {
      undecided.push_back(&guest);
    } else {
      lots_[guest.worker].forget(guest);
    }
  }

  core::Release release_;
  std::deque<core::ParkingLot> lots_;
  std::deque<Guest> guests_;
  std::set<std::size_t> woken_;
  core::Ticket tickets_ = 0;
};

// All that wait go on, tick by tick.
Millis empty(Hall& hall) {
  const auto begun = hall.now;
  while (hall.waiting() > 0) {
    REQUIRE(hall.now - begun < std::chrono::hours(1));
    hall.now += tick;
    hall.look_as_all();
  }
  CHECK(hall.to_be_called() == 0);
  return std::chrono::duration_cast<Millis>(hall.now - begun);
}

// Nobody goes on before one who came earlier, but for those who are called together.
bool are_in_order(const std::vector<core::Ticket>& gone, double per_second, std::size_t from = 0) {
  const auto together = core::ReleaseOrder::together_max(per_second);
  core::Ticket latest = 0;
  for (std::size_t i = from + together; i < gone.size(); ++i) {
    latest = std::max(latest, gone[i - together]);
    if (gone[i] < latest) return false;
  }
  return true;
}

std::size_t most_in_a_second(const std::vector<SteadyTime>& times) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= std::chrono::seconds(1)) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

// Until the last goes: the pace is lower by what may be kept.
Millis longest(std::size_t count, double per_second) {
  const double kept = std::chrono::duration<double>(core::ReleaseOrder::kept).count();
  return Millis(static_cast<int>(static_cast<double>(count) / per_second / (1 - kept) * 1'000)) + 2 * tick;
}

}  // namespace

TEST_CASE("who waits goes on in the order of arrival, whichever worker has him") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Hall hall(3, 100);
    hall.skew = {{0, Millis(0)}, {1, Millis(3)}, {2, Millis(-5)}};
    for (int i = 0; i < 200; ++i) hall.come(random() % 3);
    hall.publish(2, Hall::nobody);
    while (hall.waiting() > 0) {
      hall.now += tick;
      hall.look(random() % 3);
    }
    CHECK(are_in_order(hall.gone, 100));
    CHECK(hall.gone.size() == 200);
  }
}

TEST_CASE(
    "the release takes as long as the pace says, and no second sees more, also where one worker has nearly all") {
  for (const std::size_t elsewhere_every : {std::size_t{2}, std::size_t{20}, std::size_t{1'000}}) {
    for (const double per_second : {3.0, 50.0, 400.0}) {
      CAPTURE(elsewhere_every);
      CAPTURE(per_second);
      constexpr std::size_t count = 300;
      Hall hall(4, per_second);
      for (std::size_t i = 0; i < count; ++i) hall.come(i % elsewhere_every == 1 ? 1 + i % 3 : 0);
      hall.publish(2, Hall::nobody);
      const auto took = empty(hall);
      CHECK(took <= longest(count, per_second));
      CHECK(static_cast<double>(most_in_a_second(hall.times)) <= per_second);
    }
  }
}

TEST_CASE("a queue that is short for its pace goes at once") {
  Hall hall(3, 5'000);
  for (std::size_t i = 0; i < 300; ++i) hall.come(i % 3);
  hall.publish(2, Hall::nobody);
  CHECK(hall.gone.size() == 300);
}

TEST_CASE("who left before his turn came costs those behind him nothing") {
  Hall hall(3, 50);
  std::vector<Hall::Guest*> guests;
  for (std::size_t i = 0; i < 1'000; ++i) guests.push_back(&hall.come(i % 3));
  for (std::size_t i = 0; i < 450; ++i) hall.leave(*guests[i]);
  hall.publish(2, Hall::nobody);
  for (std::size_t i = 450; i < 900; ++i) hall.leave(*guests[i]);
  CHECK(empty(hall) <= longest(100, 50));
  CHECK(are_in_order(hall.gone, 50));
}

TEST_CASE("nobody is called before every worker has said whose hold is over") {
  Hall hall(3, 10'000);
  hall.publish(1, Hall::everybody);
  const auto first = hall.come(2).ticket;
  const auto second = hall.come(0).ticket;
  const auto third = hall.come(1).ticket;
  hall.review(0, 2, Hall::nobody);
  hall.review(1, 2, Hall::nobody);
  hall.now += tick;
  hall.look(0);
  CHECK(hall.gone.empty());
  hall.review(2, 2, Hall::nobody);
  CHECK(hall.gone == std::vector{first, second, third});
}

TEST_CASE("a worker that has ended is not waited for") {
  Hall hall(3, 10'000);
  hall.come(0);
  hall.release().depart(2);
  hall.review(0, 2, Hall::nobody);
  hall.review(1, 2, Hall::nobody);
  CHECK(hall.gone.size() == 1);
}

TEST_CASE("nobody goes on before those called earlier were decided anew") {
  Hall hall(2, 10);
  for (std::size_t i = 0; i < 4; ++i) hall.come(i % 2);
  hall.slow = true;
  hall.publish(2, Hall::nobody);
  REQUIRE(hall.gone.size() == 1);
  hall.now += 10 * tick;
  hall.look_as_all();
  CHECK(hall.gone.size() == 1);
  hall.slow = false;
  hall.forget(*hall.undecided.front());
  hall.look_as_all();
  CHECK(hall.gone.size() == 2);
}

TEST_CASE("a worker that is called and busy lets nobody overtake, and its pace is not made good in a rush") {
  Hall hall(2, 50);
  for (std::size_t i = 0; i < 40; ++i) hall.come(i % 2);
  hall.deaf = {1};
  hall.review(1, 2, Hall::nobody);
  hall.review(0, 2, Hall::nobody);
  const auto before = hall.gone.size();
  CHECK(before <= 4);
  hall.now += std::chrono::seconds(5);
  hall.look(0);
  CHECK(hall.gone.size() == before);
  hall.deaf.clear();
  empty(hall);
  CHECK(static_cast<double>(most_in_a_second(hall.times)) <= 50);
  CHECK(hall.gone.size() == 40);
}

TEST_CASE("a hold that begins anew in a release keeps the rest, in their places") {
  Hall hall(2, 10);
  std::vector<core::Ticket> all;
  for (std::size_t i = 0; i < 20; ++i) all.push_back(hall.come(i % 2).ticket);
  hall.publish(2, Hall::nobody);
  hall.now += tick;
  hall.look_as_all();
  const auto before = hall.gone.size();
  REQUIRE(before > 0);
  hall.publish(3, Hall::everybody);
  hall.now += std::chrono::seconds(2);
  hall.look_as_all();
  CHECK(hall.gone.size() == before);
  // One that was let go, and met the hold anew, came before those who came meanwhile and those who still wait.
  hall.come(1);
  hall.come(0, hall.gone.front());
  hall.publish(4, Hall::nobody);
  empty(hall);
  CHECK(hall.gone[before] == all.front());
  CHECK(std::is_sorted(hall.gone.begin() + static_cast<std::ptrdiff_t>(before), hall.gone.end()));
}

TEST_CASE("who is called when a hold begins anew waits on") {
  Hall hall(2, 10'000);
  const auto first = hall.come(0).ticket;
  const auto second = hall.come(1).ticket;
  hall.deaf = {0};
  hall.publish(2, Hall::nobody);
  REQUIRE(hall.gone == std::vector{second});
  hall.review(1, 3, Hall::everybody);
  hall.review(0, 3, Hall::everybody);
  hall.deaf.clear();
  hall.look_as_all();
  CHECK(hall.waiting() == 1);
  hall.publish(4, Hall::nobody);
  CHECK(hall.gone == std::vector{second, first});
}

TEST_CASE("those whom a narrower hold lets go do not wait for those it still holds") {
  Hall hall(2, 50);
  for (std::size_t i = 0; i < 60; ++i) hall.come(i % 2);
  const auto is_write = [](const Hall::Guest& guest) { return guest.ticket % 3 != 0; };
  hall.publish(2, is_write);
  hall.now += std::chrono::seconds(1);
  for (int i = 0; i < 40; ++i) {
    hall.now += tick;
    hall.look_as_all();
  }
  CHECK(hall.gone.size() == 20);
  CHECK(std::ranges::none_of(hall.gone, [](core::Ticket ticket) { return ticket % 3 != 0; }));
  hall.publish(3, Hall::nobody);
  empty(hall);
  CHECK(hall.gone.size() == 60);
  CHECK(are_in_order(hall.gone, 50, 20));
}

TEST_CASE("a pace that is changed in a release counts from then on") {
  Hall hall(2, 10);
  for (std::size_t i = 0; i < 100; ++i) hall.come(i % 2);
  hall.publish(2, Hall::nobody);
  hall.now += tick;
  hall.look_as_all();
  REQUIRE(hall.gone.size() <= 2);
  hall.release().set_pace(site, 1'000'000);
  hall.now += tick;
  hall.look_as_all();
  CHECK(hall.gone.size() == 100);
}
