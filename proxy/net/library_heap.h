#pragma once

#include "proxy/base/heap.h"

#include <cstddef>

namespace drawbridge::net {

// Memory of the libraries that keep something for each connection: OpenSSL's and nghttp2's. Buffers of 16 to 24
// KiB, which connections need while bytes pass or during a handshake, and those of HTTP/2 for frames as long as
// they last, are blocks of a region of our own: what malloc has had of thousands of them never goes back to the
// kernel (14 KiB a connection of HTTP/2 that has ended, measured). The rest is FineHeap's. Any thread.
class LibraryHeap {
 public:
  // Under sanitizers all is malloc's.
  static const base::Heap functions;

  // Makes it OpenSSL's. Before anything else of OpenSSL is called; else nothing changes, and it is malloc's all.
  static void install();

  static void* take(std::size_t bytes);
  static void* change(void* memory, std::size_t bytes);  // as realloc()
  static void give_back(void* memory);
  static void empty(void* memory, std::size_t bytes);
  static bool is_block(const void* memory);
};

}  // namespace drawbridge::net
