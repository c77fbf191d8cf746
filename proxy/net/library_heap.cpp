#include "proxy/net/library_heap.h"

#include "proxy/net/fine_heap.h"
#include "proxy/net/region.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace drawbridge::net {
namespace {

constexpr std::size_t block_bytes = 24UL * 1024;
constexpr std::size_t least_bytes = 16UL * 1024;
constexpr std::uint32_t blocks_max = 64 * 1024;  // beyond: malloc
constexpr std::uint32_t warm_max = 32;           // of a thread, ready for use

Region& region() {
  static auto* const made = new Region(block_bytes, blocks_max);  // OpenSSL frees until the very end of the process
  return *made;
}

struct WarmBlocks {
  struct Block {
    Block* next;
  };
  Block* first = nullptr;
  std::uint32_t count = 0;

  ~WarmBlocks() {
    while (first != nullptr) region().give_back(std::exchange(first, first->next));
    count = warm_max;  // what this thread still frees does not stay here
  }
};

thread_local WarmBlocks warm;

void* take_block() {
  if (warm.first == nullptr) return region().take();
  --warm.count;
  return std::exchange(warm.first, warm.first->next);
}

void give_block_back(void* block) {
  if (warm.count == warm_max) return region().give_back(block);
  ++warm.count;
  warm.first = new (block) WarmBlocks::Block{warm.first};
}

// What lasts as long as its connection, and is seldom filled, begins without the pages that a handshake has
// touched.
[[maybe_unused]] void* take_untouched(std::size_t bytes) {
  if (bytes >= least_bytes && bytes <= block_bytes) {
    if (auto* block = region().take(); block != nullptr) return block;
  }
  return FineHeap::take(bytes);
}

}  // namespace

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constinit const base::Heap LibraryHeap::functions{
    .take = std::malloc, .change = std::realloc, .give_back = std::free, .empty = [](void*, std::size_t) {}};
#else
constinit const base::Heap LibraryHeap::functions{
    .take = take_untouched, .change = change, .give_back = give_back, .empty = empty};
#endif

bool LibraryHeap::is_block(const void* memory) {
  return region().has(memory);
}

void* LibraryHeap::take(std::size_t bytes) {
  if (bytes >= least_bytes && bytes <= block_bytes) {
    if (auto* block = take_block(); block != nullptr) return block;
  }
  return FineHeap::take(bytes);
}

void* LibraryHeap::change(void* memory, std::size_t bytes) {
  if (memory == nullptr) return take(bytes);
  if (bytes == 0) return give_back(memory), nullptr;
  if (!is_block(memory)) return FineHeap::change(memory, bytes);
  if (bytes >= least_bytes && bytes <= block_bytes) return memory;
  void* moved = FineHeap::take(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(bytes, block_bytes));
  give_block_back(memory);
  return moved;
}

void LibraryHeap::give_back(void* memory) {
  is_block(memory) ? give_block_back(memory) : FineHeap::give_back(memory);
}

void LibraryHeap::empty(void* memory, std::size_t bytes) {
  constexpr std::size_t page_bytes = 4096;
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(memory) % page_bytes;
  if (!is_block(memory) || bytes < before + page_bytes) return;
  ::madvise(static_cast<std::byte*>(memory) + before, (bytes - before) / page_bytes * page_bytes, MADV_DONTNEED);
}

void LibraryHeap::install() {
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  CRYPTO_set_mem_functions([](std::size_t bytes, const char*, int) { return take(bytes); },
                           [](void* memory, std::size_t bytes, const char*, int) { return change(memory, bytes); },
                           [](void* memory, const char*, int) { give_back(memory); });
#endif
}

}  // namespace drawbridge::net
