#pragma once

#include "proxy/control/cutovers.h"

#include <fmt/format.h>

#include <utility>

namespace drawbridge::control {

// One cutover: what was asked, where it is, and what there is to report.
struct Cutovers::Transaction {
  std::uint64_t number = 0;
  core::CutoverCommand command;
  core::Actor actor;
  Completion completion;
  core::Cutover machine;
  SiteState before;
  std::optional<PartialMove> partial;  // none: the whole site, and it has no slices
  CutoverRecord record;
  core::Receipt receipt;
  core::CutoverReceipt result;
  base::SteadyTime begun, held;
  base::WallTime hold_since;
  std::optional<base::SteadyTime> hold_ended;
  std::optional<base::SteadyTime> release_told;  // when last: who waited still goes on
  base::SteadyTime watch_begun;
  core::WatchSample answered_before;      // the flip
  std::optional<base::WallTime> left_at;  // of a return: the flip that it takes back
  Refusal refusal;                        // of what ended before the hold
  std::string problem;                    // what the failing stage said
  std::string output;                     // of the command: the last of it
  std::string ended_by;                   // of an abort
  bool uncertain = false;  // the flip was refused by the disk, and nobody knows what the disk says now
  Alarms::Id deadline = 0;
  Alarms::Id next_look = 0;

  std::string what(const char* part) const {
    const auto* verb = command.rollback ? "rollback" : "cutover";
    if (command.match.empty()) return fmt::format("{} to {}{}", verb, command.to, part);
    return fmt::format("{} of {} to {}{}", verb, command.match, command.to, part);
  }
};

inline base::WallTime wall_of(base::SteadyTime time, const base::Now& now) {
  return now.wall - std::chrono::duration_cast<base::Millis>(now.steady - time);
}

template <class Call>
auto Cutovers::for_transaction(const Transaction& transaction, Call call) {
  return [weak = std::weak_ptr(self_), site = transaction.command.site, number = transaction.number,
          call = std::move(call)](auto&&... values) {
    const auto self = weak.lock();
    if (!self) return;
    const auto found = (*self)->transactions_.find(site);
    if (found == (*self)->transactions_.end() || found->second->number != number) return;
    call(**self, *found->second, std::forward<decltype(values)>(values)...);
  };
}

}  // namespace drawbridge::control
