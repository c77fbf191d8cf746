#include "proxy/net/block_pool.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

namespace drawbridge::net {
namespace {

// Between two looks while there are more than load needs, and while there are not.
constexpr std::chrono::milliseconds look_interval{100}, calm_interval{500};
constexpr std::size_t kept_bytes_min = 2UL * 1024 * 1024;
constexpr std::size_t given_up_max = 64;  // at one look: each costs a system call

constexpr std::size_t page_bytes = 4'096;

// Blocks begin at different places in their pages: with a thousand connections, heads that all begin at the same
// one would fight for the same few sets of the cache.
constexpr std::size_t colours = 8;
constexpr std::size_t colour_bytes = page_bytes / colours;

}  // namespace

BlockPool::BlockPool(Wheel& wheel, std::size_t bytes)
    : wheel_(wheel), bytes_(bytes), kept_min_(kept_bytes_min / bytes), look_(wheel, *this) {}

BlockPool::~BlockPool() {
  for (auto* block : free_) unmap(block);
}

char* BlockPool::take() {
  if (free_.empty()) return map();
  auto* block = free_.back();
  free_.pop_back();
  free_min_ = std::min(free_min_, free_.size());
  ASAN_UNPOISON_MEMORY_REGION(block, bytes_);
  return block;
}

void BlockPool::give_back(char* block) {
  ASAN_POISON_MEMORY_REGION(block, bytes_);
  free_.push_back(block);
  if (!look_.armed()) look_later(false);
}

// What goes back in `calm` was not used for so long that not even the next burst is sure to need it.
void BlockPool::look_later(bool calm) {
  const bool many = free_.size() > kept_min_;
  calm_ = calm || !many;
  free_min_ = free_.size();
  look_.arm(wheel_.now() + (many || calm ? look_interval : calm_interval));
}

void BlockPool::deadline_passed(Deadline&) {
  const auto floor = calm_ ? 0 : std::min(free_.size(), kept_min_);
  const auto unused = std::min(free_min_, free_.size() - floor);
  const auto given_up = std::min(unused, given_up_max);
  const auto end = free_.begin() + static_cast<std::ptrdiff_t>(given_up);
  std::for_each(free_.begin(), end, [this](char* block) { unmap(block); });
  free_.erase(free_.begin(), end);
  if (!free_.empty()) look_later(calm_ && given_up < unused);
}

char* BlockPool::map() {
  void* room = ::mmap(nullptr, bytes_ + page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  auto* block = static_cast<char*>(room) + colour_++ % colours * colour_bytes;
  ASAN_POISON_MEMORY_REGION(room, bytes_ + page_bytes);
  ASAN_UNPOISON_MEMORY_REGION(block, bytes_);
  return block;
}

void BlockPool::unmap(char* block) const {
  char* room = block - reinterpret_cast<std::uintptr_t>(block) % page_bytes;
  ASAN_UNPOISON_MEMORY_REGION(room, bytes_ + page_bytes);
  ::munmap(room, bytes_ + page_bytes);
}

}  // namespace drawbridge::net
