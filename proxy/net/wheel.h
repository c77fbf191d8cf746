#pragma once

#include "proxy/base/time.h"

#include <array>
#include <cstdint>

namespace drawbridge::net {

class Wheel;

// One deadline. A member of what waits; unlinks itself when destroyed. Arming is a store unless the new time is
// earlier than the slot it stands in, so a deadline that is moved on at each read costs nothing.
class Deadline {
 public:
  class Owner {
   public:
    virtual void deadline_passed(Deadline& deadline) = 0;

   protected:
    ~Owner() = default;
  };

  Deadline(Wheel& wheel, Owner& owner) : wheel_(wheel), owner_(owner) {}
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void arm(base::SteadyTime at);
  void disarm() { at_ = base::SteadyTime::max(); }
  bool armed() const { return at_ != base::SteadyTime::max(); }

 private:
  friend class Wheel;
  Wheel& wheel_;
  Owner& owner_;
  base::SteadyTime at_ = base::SteadyTime::max();
  std::int64_t slot_tick_ = -1;  // tick whose slot it is linked in; -1: not linked
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
};

// Hashed timing wheel (Varghese and Lauck 1987, scheme 6): 1,024 slots of 32 ms. A deadline fires at most one tick
// late, never early. One a loop; loop thread only.
class Wheel {
 public:
  static constexpr std::chrono::milliseconds tick{32};

  explicit Wheel(base::SteadyTime now);

  // The tick of the last advance: the present, up to one tick late.
  base::SteadyTime now() const { return start_ + current_ * tick; }

  // Fires what is due at `now`.
  void advance(base::SteadyTime now);

  // How long the loop may sleep from `now`; at most `most`.
  std::chrono::milliseconds until_next(base::SteadyTime now, std::chrono::milliseconds most) const;

 private:
  friend class Deadline;
  static constexpr std::int64_t slots = 1'024;

  std::int64_t tick_of(base::SteadyTime at) const;
  void link(Deadline& deadline);
  void unlink(Deadline& deadline);
  void expire_slot(std::int64_t slot_tick, base::SteadyTime now);

  base::SteadyTime start_;
  std::int64_t current_ = 0;  // last tick that was expired
  std::array<Deadline*, slots> slots_{};
  std::array<std::uint64_t, slots / 64> occupied_{};
  Deadline* walking_ = nullptr;  // next to visit of the slot being expired
};

}  // namespace drawbridge::net
