#include "tests/unit/control_room.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <string>

using namespace drawbridge;
using core::Mode;
using core::RequestClass;
using tests::ControlRoom;
using tests::StartedRoom;

namespace {

// What the model says a site may be in: one mode, or two while nobody knows whether a change reached the disk.
using Allowed = std::map<std::string, std::set<Mode>>;
using tests::a_write;

// One life after another of a proxy whose disk fails and which is killed or loses its power at any operation.
class Nights {
 public:
  explicit Nights(unsigned seed) : random_(seed) {
    REQUIRE(room_.start().has_value());
    remember_current();
  }

  void step() {
    switch (pick(10)) {
      case 0:
        return die(false);
      case 1:
        return die(true);
      case 2:
      case 3:
        return enter();
      case 4:
        return leave();
      case 5:
        room_.alarms.advance(base::Millis(pick(20'000)));
        return;
      default:
        return change();
    }
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  Mode pick_mode() {
    constexpr Mode modes[] = {Mode::live, Mode::readonly, Mode::maintenance};
    return modes[pick(3)];
  }

  void remember_current() {
    for (const char* site : {"shop", "forum"}) allowed_[site] = {room_.mode_of(site)};
  }

  // As the data path decides: what the mode refuses never enters.
  void enter() {
    const std::string site = pick(2) == 0 ? "shop" : "forum";
    const auto request_class = pick(2) == 0 ? RequestClass::read : RequestClass::write;
    const auto mode = room_.mode_of(site);
    if (mode == Mode::maintenance || (mode == Mode::readonly && request_class == RequestClass::write)) return;
    open_.push_back(room_.workers->enter(site, {.request_class = request_class}));
  }

  void leave() {
    if (open_.empty()) return;
    const auto index = static_cast<std::size_t>(pick(static_cast<int>(open_.size())));
    room_.workers->leave(open_[index]);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(index));
    room_.alarms.settle();
  }

  void change() {
    const auto mode = pick_mode();
    std::vector<std::string> sites;
    if (pick(3) != 0) sites = {pick(2) == 0 ? "shop" : "forum"};
    const bool disk_fails = pick(3) == 0;
    if (disk_fails) room_.files.fail_after(pick(16), pick(2) == 0);
    const auto before = room_.controller().current().epoch;
    const auto answer = room_.mode(mode, sites);
    const bool published = room_.controller().current().epoch != before;
    room_.files.heal();
    if (pick(2) == 0) room_.alarms.settle();
    if (answer->done) CHECK(answer->is_receipt() == published);

    for (const std::string site : {"shop", "forum"}) {
      const bool meant = sites.empty() || sites.front() == site;
      if (published) {
        // A saved state is the whole truth: what was uncertain before is settled with it.
        allowed_[site] = {room_.mode_of(site)};
        if (meant) CHECK(room_.mode_of(site) == mode);
      } else if (meant && disk_fails) {
        allowed_[site].insert(mode);
      }
    }
  }

  void die(bool power) {
    // Sometimes in the middle of one more change, at any operation of the disk.
    if (pick(2) == 0) {
      room_.files.fail_after(pick(14), true);
      const auto mode = pick_mode();
      const auto before = room_.controller().current().epoch;
      room_.mode(mode);
      const bool acknowledged = room_.controller().current().epoch != before;
      for (auto& [site, modes] : allowed_) {
        if (acknowledged) modes.clear();
        modes.insert(mode);
      }
    }
    room_.stop();
    open_.clear();
    room_.files.heal();
    if (power) room_.files.cut_power(random_);
    const auto started = room_.start();
    REQUIRE(started.has_value());
    for (const auto& [site, modes] : allowed_) {
      CAPTURE(site);
      CHECK(modes.contains(room_.mode_of(site)));
    }
    CHECK(room_.controller().status().warnings.empty());
    remember_current();
  }

  std::mt19937 random_;
  ControlRoom room_;
  Allowed allowed_;
  std::vector<std::string> open_;
};

}  // namespace

TEST_CASE("after any crash the mode is the last acknowledged one or the one in progress") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Nights nights(seed);
    for (int i = 0; i < 120; ++i) nights.step();
  }
}

TEST_CASE("whatever commands cross, a receipt that says done leaves no write behind it") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
    StartedRoom room;
    std::map<std::string, std::string> writes;  // request id → site
    for (int i = 0; i < 150; ++i) {
      const std::string site = pick(2) == 0 ? "shop" : "forum";
      const int what = pick(8);
      if (what < 3 && room.mode_of(site) == Mode::live) {
        writes[room.workers->enter(site, a_write)] = site;
      } else if (what < 5 && !writes.empty()) {
        const auto leaving = std::next(writes.begin(), pick(static_cast<int>(writes.size())));
        room.workers->leave(leaving->first);
        writes.erase(leaving);
      } else if (what == 5) {
        room.alarms.advance(base::Millis(pick(3'000)));
      } else {
        auto command = tests::mode_command(pick(2) == 0 ? Mode::readonly : Mode::live, {site});
        command.drain_timeout = base::Millis(pick(5'000));
        command.cut = command.mode == Mode::readonly && pick(3) == 0;
        room.controller().submit(
            {.what = command, .if_epoch = {}, .actor = {}},
            {.progress = {}, .done = [&room, site, mode = command.mode](const control::Done& done) {
               REQUIRE(done.has_value());
               const bool promises = mode == Mode::readonly &&
                                     (done->outcome == core::Outcome::done || done->outcome == core::Outcome::cut);
               if (promises && room.mode_of(site) == Mode::readonly) CHECK(room.workers->open_writes(site) == 0);
             }});
      }
      room.alarms.settle();
      std::erase_if(writes, [&](const auto& write) { return !room.workers->is_open(write.first); });
    }
  }
}
