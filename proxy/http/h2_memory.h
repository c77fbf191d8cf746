#pragma once

#include "proxy/base/heap.h"

#include <cstddef>

namespace drawbridge::http {

// The memory of nghttp2 for one connection, from a heap that outlives it. The two largest pieces lie in pages of
// their own, which the kernel has back while the connection rests: a buffer for one frame, and the table of its
// streams.
class H2Memory {
 public:
  explicit H2Memory(const base::Heap* heap);  // null: malloc's
  ~H2Memory();                                // when nothing is lent any more
  H2Memory(const H2Memory&) = delete;
  H2Memory& operator=(const H2Memory&) = delete;

  void* take(std::size_t bytes);
  void* change(void* memory, std::size_t bytes);
  void give_back(void* memory);

  // No frame is being sent, and there is no stream.
  void rest();

 private:
  char* pages();
  bool is_table(const void* memory) const;

  const base::Heap& heap_;
  char* pages_ = nullptr;  // the frame first, behind it the table
  bool frame_lent_ = false;
  bool table_lent_ = false;
};

}  // namespace drawbridge::http
