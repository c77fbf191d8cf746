#include "proxy/net/tls_heap.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <utility>

namespace drawbridge::net {
namespace {

constexpr std::size_t block_bytes = 24UL * 1024;
constexpr std::size_t least_bytes = 16UL * 1024;
constexpr std::uint32_t blocks_max = 8 * 1024;  // beyond: malloc
constexpr std::uint32_t warm_max = 32;          // of a thread, ready for use
constexpr std::uint32_t none = UINT32_MAX;

// Addresses for all blocks there may be; memory is behind those in use. A block that is not warm has none.
class Region {
 public:
  Region() {
    void* room = ::mmap(nullptr, block_bytes * blocks_max, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return;
    ::madvise(room, block_bytes * blocks_max, MADV_NOHUGEPAGE);
    begin_ = static_cast<char*>(room);
  }

  bool has(const void* memory) const {
    const auto offset = reinterpret_cast<std::uintptr_t>(memory) - reinterpret_cast<std::uintptr_t>(begin_);
    return begin_ != nullptr && offset < block_bytes * blocks_max;
  }
  void* take() {
    const std::lock_guard lock(mutex_);
    if (cold_ != none) return begin_ + block_bytes * std::exchange(cold_, next_[cold_]);
    return begin_ == nullptr || touched_ == blocks_max ? nullptr : begin_ + block_bytes * touched_++;
  }
  void give_back(void* block) {
    ::madvise(block, block_bytes, MADV_DONTNEED);
    const auto number =
        static_cast<std::uint32_t>(static_cast<std::size_t>(static_cast<char*>(block) - begin_) / block_bytes);
    const std::lock_guard lock(mutex_);
    next_[number] = std::exchange(cold_, number);
  }

 private:
  char* begin_ = nullptr;
  std::mutex mutex_;
  std::uint32_t cold_ = none;  // the first of a list
  std::uint32_t touched_ = 0;
  std::array<std::uint32_t, blocks_max> next_{};
};

Region& region() {
  static auto* const made = new Region;  // OpenSSL frees until the very end of the process
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

}  // namespace

bool TlsHeap::is_block(const void* memory) {
  return region().has(memory);
}

void* TlsHeap::take(std::size_t bytes) {
  if (bytes >= least_bytes && bytes <= block_bytes) {
    if (auto* block = take_block(); block != nullptr) return block;
  }
  return std::malloc(bytes);
}

void* TlsHeap::change(void* memory, std::size_t bytes) {
  if (memory == nullptr) return take(bytes);
  if (bytes == 0) return give_back(memory), nullptr;
  if (!is_block(memory)) return std::realloc(memory, bytes);
  if (bytes >= least_bytes && bytes <= block_bytes) return memory;
  void* moved = std::malloc(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(bytes, block_bytes));
  give_block_back(memory);
  return moved;
}

void TlsHeap::give_back(void* memory) {
  is_block(memory) ? give_block_back(memory) : std::free(memory);
}

void TlsHeap::install() {
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  CRYPTO_set_mem_functions([](std::size_t bytes, const char*, int) { return take(bytes); },
                           [](void* memory, std::size_t bytes, const char*, int) { return change(memory, bytes); },
                           [](void* memory, const char*, int) { give_back(memory); });
#endif
}

}  // namespace drawbridge::net
