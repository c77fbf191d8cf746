#pragma once

#include "proxy/base/heap.h"

#include <cstddef>
#include <cstdint>

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

  // Nearly all is small.
  void* take(std::size_t bytes) { return bytes < table_bytes ? heap_.take(bytes) : take_large(bytes); }
  void* change(void* memory, std::size_t bytes);
  void give_back(void* memory) { is_here(memory) ? give_large_back(memory) : heap_.give_back(memory); }

  // No frame is being sent, and there is no stream.
  void rest();

 private:
  static constexpr std::size_t table_bytes = 4UL * 1024;   // as nghttp2 begins it; a larger one is not here
  static constexpr std::size_t frame_bytes = 20UL * 1024;  // room for it; nghttp2 asks for 16 KiB and a head

  bool is_here(const void* memory) const {
    const auto offset = reinterpret_cast<std::uintptr_t>(memory) - reinterpret_cast<std::uintptr_t>(pages_);
    return offset < frame_bytes + table_bytes && pages_ != nullptr;
  }
  void* take_large(std::size_t bytes);
  void give_large_back(const void* memory) { (is_table(memory) ? table_lent_ : frame_lent_) = false; }
  char* pages();
  bool is_table(const void* memory) const;

  const base::Heap& heap_;
  char* pages_ = nullptr;  // the frame first, behind it the table
  bool frame_lent_ = false;
  bool table_lent_ = false;
};

}  // namespace drawbridge::http
