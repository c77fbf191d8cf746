#pragma once

#include "tests/unit/control_room.h"

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

namespace drawbridge::tests {

// Of the site shop: from blue to green, and back.
core::CutoverCommand to_green(base::Millis watch = {});
core::CutoverCommand back();

// Its site shop is moved.
struct CutoverRoom : StartedRoom {
  using StartedRoom::StartedRoom;

  std::string pool() const { return view("shop").pool->name; }
  core::CutoverStage stage() const;  // of the cutover that there must be
  // The cutover that is now in stage run, by the id to continue it with.
  std::uint64_t begin_run(const Answer& answer);

  using Waited = std::optional<std::expected<control::Waited, control::Refusal>>;
  std::shared_ptr<Waited> wait_until_drained();
};

}  // namespace drawbridge::tests
