#include "proxy/net/fine_heap.h"

#include "proxy/net/region.h"
#include "proxy/net/slabs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

namespace drawbridge::net {

namespace {

constexpr std::uint32_t slabs_max = 64 * 1024;  // 4 GiB

// What is larger is rarer, and its steps are longer.
constexpr std::size_t small_step = 16, small_max = 1024, small_classes = small_max / small_step;
constexpr std::size_t large_step = 32, large_classes = (FineHeap::bytes_max - small_max) / large_step;
constexpr std::size_t classes = small_classes + large_classes;

std::size_t class_of(std::size_t bytes) {
  if (bytes <= small_max) return (std::max<std::size_t>(bytes, 1) - 1) / small_step;
  return small_classes + (bytes - small_max - 1) / large_step;
}

constexpr std::size_t bytes_of(std::size_t size_class) {
  if (size_class < small_classes) return (size_class + 1) * small_step;
  return small_max + (size_class - small_classes + 1) * large_step;
}

// Both live until the process ends: OpenSSL frees until then.
Region& region() {
  static auto* const made = new Region(Slabs::slab_bytes, slabs_max);
  return *made;
}

// What one thread at a time takes from.
struct Heap {
  struct Returned {
    Returned* next;
  };

  template <std::size_t... I>
  explicit Heap(std::index_sequence<I...>) : slabs{Slabs(bytes_of(I), &region(), this)...} {}

  void give_back_from_elsewhere(void* memory) {
    auto* const object = new (memory) Returned{returned.load(std::memory_order_relaxed)};
    while (!returned.compare_exchange_weak(object->next, object, std::memory_order_release)) {
    }
  }
  void take_in() {
    auto* object = returned.exchange(nullptr, std::memory_order_acquire);
    while (object != nullptr) {
      auto* const next = object->next;
      Slabs::of(object).give_back(object);
      object = next;
    }
  }

  std::array<Slabs, classes> slabs;
  std::atomic<Returned*> returned{nullptr};  // by other threads
  Heap* next_left = nullptr;
};

// Those whose thread has ended: for the next thread that begins.
struct Left {
  std::mutex mutex;
  Heap* first = nullptr;
};

Left& left() {
  static auto* const made = new Left;
  return *made;
}

constinit thread_local Heap* mine = nullptr;
constinit thread_local bool ending = false;

struct OfThread {
  ~OfThread() {
    ending = true;
    const std::lock_guard lock(left().mutex);
    mine->next_left = std::exchange(left().first, mine);
    mine = nullptr;
  }
  void touch() {}
};

[[gnu::noinline]] Heap* begin_heap() {
  if (ending) return nullptr;
  static thread_local OfThread of_thread;
  {
    const std::lock_guard lock(left().mutex);
    if (left().first != nullptr) mine = std::exchange(left().first, left().first->next_left);
  }
  if (mine == nullptr) mine = new Heap(std::make_index_sequence<classes>());
  of_thread.touch();
  return mine;
}

}  // namespace

void* FineHeap::take(std::size_t bytes) {
  if (bytes > bytes_max) return std::malloc(bytes);
  auto* const heap = mine != nullptr ? mine : begin_heap();
  if (heap == nullptr) return std::malloc(bytes);
  if (heap->returned.load(std::memory_order_relaxed) != nullptr) heap->take_in();
  void* const memory = heap->slabs[class_of(bytes)].take();
  return memory != nullptr ? memory : std::malloc(bytes);
}

void FineHeap::give_back(void* memory) noexcept {
  if (!region().has(memory)) return std::free(memory);
  auto& slabs = Slabs::of(memory);
  auto* const owner = static_cast<Heap*>(slabs.owner());
  owner == mine ? slabs.give_back(memory) : owner->give_back_from_elsewhere(memory);
}

void* FineHeap::change(void* memory, std::size_t bytes) {
  if (memory == nullptr) return take(bytes);
  if (!region().has(memory)) return std::realloc(memory, bytes);
  const auto room = Slabs::of(memory).object_bytes();
  if (bytes <= bytes_max && bytes_of(class_of(bytes)) == room) return memory;
  void* const moved = take(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(bytes, room));
  give_back(memory);
  return moved;
}

bool FineHeap::put_away() {
  if (mine == nullptr) return false;
  bool more = false;
  for (auto& of_a_size : mine->slabs) more |= of_a_size.put_away();
  return more;
}

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

void* Fine::operator new(std::size_t bytes) {
  return ::operator new(bytes);
}
void Fine::operator delete(void* memory) noexcept {
  ::operator delete(memory);
}

#else

void* Fine::operator new(std::size_t bytes) {
  void* const memory = FineHeap::take(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void Fine::operator delete(void* memory) noexcept {
  FineHeap::give_back(memory);
}

#endif

}  // namespace drawbridge::net
