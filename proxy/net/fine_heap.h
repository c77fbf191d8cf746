#pragma once

#include "proxy/base/heap.h"

#include <cstddef>

namespace drawbridge::net {

// Memory for what connections hold while they rest, by thousands: slabs of one size each, without a header for each
// object and without holes between those that stay where others have gone (malloc: 0.6 to 1.7 KiB an idle TLS
// connection). What is larger than bytes_max, and what finds no room, is malloc's. Any thread; what another thread
// gives back is used again by the one that took it.
class FineHeap {
 public:
  static constexpr std::size_t bytes_max = 8 * 1024;

  static void* take(std::size_t bytes);  // aligned as by malloc; null: no memory
  static void give_back(void* memory) noexcept;
  static void* change(void* memory, std::size_t bytes);  // as realloc(), but `bytes` is not 0

  // Gives this thread's unused memory back, some at each call. True if there is more.
  static bool put_away();
};

// For objects that are to lie there: a base that gives them its operators. Under sanitizers, which know malloc's
// better, they lie there.
struct Fine {
  static void* operator new(std::size_t bytes);
  static void operator delete(void* memory) noexcept;
};

}  // namespace drawbridge::net
