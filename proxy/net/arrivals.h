#pragma once

#include "proxy/base/time.h"

#include <cstddef>
#include <deque>
#include <optional>

namespace drawbridge::net {

// Since when those wait who are in a listening socket's queue. The kernel tells how many they are, and gives the
// first first; when each of them came is what this remembers, as of the looks at the queue. Values only.
class Arrivals {
 public:
  static constexpr std::chrono::milliseconds together{10};  // who came within it counts as come at once

  // So many wait at `now`. No look is before an earlier one.
  void seen(std::size_t waiting, base::SteadyTime now);
  // The first has left the queue; when it came, if it had been seen.
  std::optional<base::SteadyTime> take();
  void clear();

  std::size_t count() const { return count_; }
  std::optional<base::SteadyTime> first() const;

 private:
  struct Group {
    base::SteadyTime came;
    std::size_t count = 0;
  };

  std::deque<Group> groups_;
  std::size_t count_ = 0;
};

}  // namespace drawbridge::net
