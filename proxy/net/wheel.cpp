#include "proxy/net/wheel.h"

#include <algorithm>
#include <bit>

namespace drawbridge::net {

Deadline::~Deadline() {
  if (slot_tick_ >= 0) wheel_.unlink(*this);
}

void Deadline::arm(base::SteadyTime at) {
  at_ = at;
  if (slot_tick_ >= 0) {
    if (slot_tick_ <= wheel_.tick_of(at)) return;
    wheel_.unlink(*this);
  }
  wheel_.link(*this);
}

Wheel::Wheel(base::SteadyTime now) : start_(now) {}

// Rounded up: a slot is expired only when its whole tick has passed.
std::int64_t Wheel::tick_of(base::SteadyTime at) const {
  if (at <= start_) return 0;
  if (at - start_ > std::chrono::hours(24 * 365 * 100)) return INT64_MAX;
  return (at - start_ + tick - std::chrono::nanoseconds(1)) / tick;
}

void Wheel::link(Deadline& deadline) {
  const auto wanted = std::clamp(tick_of(deadline.at_), current_ + 1, current_ + slots - 1);
  const auto slot = static_cast<std::size_t>(wanted % slots);
  auto*& first = slots_[slot];
  deadline.slot_tick_ = wanted;
  deadline.previous_ = nullptr;
  deadline.next_ = first;
  if (first != nullptr) first->previous_ = &deadline;
  first = &deadline;
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void Wheel::unlink(Deadline& deadline) {
  const auto slot = static_cast<std::size_t>(deadline.slot_tick_ % slots);
  if (walking_ == &deadline) walking_ = deadline.next_;
  if (deadline.next_ != nullptr) deadline.next_->previous_ = deadline.previous_;
  if (deadline.previous_ != nullptr) {
    deadline.previous_->next_ = deadline.next_;
  } else {
    slots_[slot] = deadline.next_;
    if (slots_[slot] == nullptr) occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  }
  deadline.slot_tick_ = -1;
}

// A deadline that moved on since it was linked is put where it belongs now; a disarmed one is dropped.
void Wheel::expire_slot(std::int64_t slot_tick, base::SteadyTime now) {
  walking_ = slots_[static_cast<std::size_t>(slot_tick % slots)];
  while (walking_ != nullptr) {
    auto& deadline = *walking_;
    unlink(deadline);
    if (!deadline.armed()) continue;
    if (deadline.at_ > now) {
      link(deadline);
      continue;
    }
    deadline.disarm();
    deadline.owner_.deadline_passed(deadline);
  }
}

void Wheel::advance(base::SteadyTime now) {
  const auto target = now < start_ ? 0 : (now - start_) / tick;
  // After a long stall each slot is visited once: what is linked lies within one turn of the wheel.
  const auto behind = std::min<std::int64_t>(target - current_, slots);
  for (auto tick_now = target - behind + 1; tick_now <= target; ++tick_now) {
    current_ = tick_now;
    expire_slot(tick_now, now);
  }
}

std::chrono::milliseconds Wheel::until_next(base::SteadyTime now, std::chrono::milliseconds most) const {
  for (std::int64_t ahead = 1; ahead < slots;) {
    const auto slot = (current_ + ahead) % slots;
    const auto word = occupied_[static_cast<std::size_t>(slot / 64)] >> (slot % 64);
    if (word == 0) {
      ahead += 64 - slot % 64;
      continue;
    }
    const auto at = start_ + (current_ + ahead + std::countr_zero(word)) * tick;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - now);
    return std::clamp(left, std::chrono::milliseconds(0), most);
  }
  return most;
}

}  // namespace drawbridge::net
