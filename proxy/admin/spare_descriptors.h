#pragma once

#include "proxy/net/unique_fd.h"

#include <array>
#include <cstddef>
#include <fcntl.h>

namespace drawbridge::admin {

// Descriptors that are held only to be given up: free while an operator is in, so that he gets in and his command
// finds what it needs for its files, though everything else has taken all there are.
class SpareDescriptors {
 public:
  SpareDescriptors() { refill(); }

  // Frees what one operator may need: his connection, and the files of a change.
  void give() {
    std::size_t wanted = for_one;
    for (auto& spare : held_) {
      if (wanted == 0) return;
      if (!spare.valid()) continue;
      spare.reset();
      --wanted;
    }
  }

  // Takes back what can be had. To be called when a descriptor has become free.
  void refill() {
    for (auto& spare : held_) {
      if (!spare.valid()) spare = net::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
  }

 private:
  static constexpr std::size_t count = 12;
  static constexpr std::size_t for_one = 3;

  std::array<net::UniqueFd, count> held_;
};

}  // namespace drawbridge::admin
