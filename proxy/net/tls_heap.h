#pragma once

#include <cstddef>

namespace drawbridge::net {

// OpenSSL's memory. What its connections need only while bytes pass or during a handshake, buffers of 16 to 24 KiB,
// are blocks of a region of our own: taken from malloc they would leave holes between what idle connections hold,
// which never go back to the kernel (0.8 KiB an idle connection of 4,000, measured). The rest is FineHeap's. Any
// thread.
class TlsHeap {
 public:
  // Makes it OpenSSL's. Before anything else of OpenSSL is called; else nothing changes, and it is malloc's all.
  static void install();

  static void* take(std::size_t bytes);
  static void* change(void* memory, std::size_t bytes);  // as realloc()
  static void give_back(void* memory);
  static bool is_block(const void* memory);
};

}  // namespace drawbridge::net
