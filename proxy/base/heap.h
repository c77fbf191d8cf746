#pragma once

#include <cstddef>

namespace drawbridge::base {

// Where a library that takes memory by functions of its user is to have it from.
struct Heap {
  void* (*take)(std::size_t bytes);
  void* (*change)(void* memory, std::size_t bytes);  // as realloc(); `bytes` is not 0
  void (*give_back)(void* memory);
  // Nobody needs what is in it: whole pages of it may be zeros from now on.
  void (*empty)(void* memory, std::size_t bytes);
};

}  // namespace drawbridge::base
