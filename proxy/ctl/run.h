#pragma once

#include "proxy/ctl/look.h"
#include "proxy/ctl/options.h"

#include <cstdint>
#include <functional>
#include <string_view>

namespace drawbridge::ctl {

// Where a command's words go.
struct Console {
  std::function<void(std::string_view)> out;    // what was asked for
  std::function<void(std::string_view)> error;  // what went wrong, and notes
  // A line drawn over the last one while waiting; empty: take it away. Not set: nobody would see it.
  std::function<void(std::string_view)> progress;
  // Tells that the change is published (true), or that a change was sent (false), for who is interrupted later.
  std::function<void(bool)> committed;
  // Tells that a cutover was sent (false): without us it goes back; or that it is watched on its new pool (true):
  // the watch goes on without us. For who is interrupted later.
  std::function<void(bool)> transaction;
  // Clears the screen for the next picture of status --watch and waits a second. Not set: watching needs no screen.
  std::function<void()> next_picture;
  Look look;
};

enum class Exit : std::uint8_t { done = 0, refused = 1, usage = 2, unreachable = 3, undrained = 4, denied = 5 };

// Carries out a command.
Exit run(const Options& options, const Console& console);

}  // namespace drawbridge::ctl
