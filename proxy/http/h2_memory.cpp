#include "proxy/http/h2_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace drawbridge::http {
namespace {

constexpr std::size_t least_frame_bytes = 16UL * 1024;

constinit const base::Heap of_malloc{
    .take = std::malloc, .change = std::realloc, .give_back = std::free, .empty = [](void*, std::size_t) {}};

}  // namespace

H2Memory::H2Memory(const base::Heap* heap) : heap_(heap != nullptr ? *heap : of_malloc) {}

H2Memory::~H2Memory() {
  if (pages_ != nullptr) heap_.give_back(pages_);
}

char* H2Memory::pages() {
  if (pages_ == nullptr) pages_ = static_cast<char*>(heap_.take(frame_bytes + table_bytes));
  return pages_;
}

bool H2Memory::is_table(const void* memory) const {
  return table_lent_ && memory == pages_ + frame_bytes;
}

void* H2Memory::take_large(std::size_t bytes) {
  const bool for_table = bytes == table_bytes && !table_lent_;
  const bool for_frame = bytes >= least_frame_bytes && bytes <= frame_bytes && !frame_lent_;
  if ((!for_table && !for_frame) || pages() == nullptr) return heap_.take(bytes);
  (for_table ? table_lent_ : frame_lent_) = true;
  return for_table ? pages_ + frame_bytes : pages_;
}

void* H2Memory::change(void* memory, std::size_t bytes) {
  if (memory == nullptr) return take(bytes);
  if (!is_here(memory)) return heap_.change(memory, bytes);
  void* const moved = heap_.take(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(bytes, is_table(memory) ? table_bytes : frame_bytes));
  give_back(memory);
  return moved;
}

// Without streams the table is zeros, and zeros come back. That this is so is nghttp2's affair: it is looked at.
void H2Memory::rest() {
  if (pages_ == nullptr) return;
  const char* const table = pages_ + frame_bytes;
  const bool zeros = std::all_of(table, table + table_bytes, [](char byte) { return byte == 0; });
  heap_.empty(pages_, zeros ? frame_bytes + table_bytes : frame_bytes);
}

}  // namespace drawbridge::http
