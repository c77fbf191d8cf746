#include "proxy/net/task.h"

#include <array>
#include <new>

namespace drawbridge::net {

// Sanitizers must see each frame as an allocation of its own.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

void* allocate_frame(std::size_t bytes) {
  return ::operator new(bytes);
}
void free_frame(void* frame, std::size_t) noexcept {
  ::operator delete(frame);
}

#else

namespace {

constexpr std::size_t step_bytes = 128;
constexpr std::size_t classes = 32;  // frames up to 4 KiB are recycled
constexpr std::size_t kept_per_class_max = 1'024;

struct FreeFrame {
  FreeFrame* next;
};

struct FreeLists {
  std::array<FreeFrame*, classes> first{};
  std::array<std::size_t, classes> count{};

  ~FreeLists() {
    for (auto* frame : first) {
      while (frame != nullptr) ::operator delete(std::exchange(frame, frame->next));
    }
  }
};

thread_local FreeLists lists;

std::size_t class_of(std::size_t bytes) {
  return (bytes - 1) / step_bytes;
}

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const auto size_class = class_of(bytes);
  if (size_class >= classes) return ::operator new(bytes);
  auto*& first = lists.first[size_class];
  if (first == nullptr) return ::operator new((size_class + 1) * step_bytes);
  --lists.count[size_class];
  return std::exchange(first, first->next);
}

void free_frame(void* frame, std::size_t bytes) noexcept {
  const auto size_class = class_of(bytes);
  if (size_class >= classes || lists.count[size_class] >= kept_per_class_max) return ::operator delete(frame);
  lists.first[size_class] = new (frame) FreeFrame{lists.first[size_class]};
  ++lists.count[size_class];
}

#endif

}  // namespace drawbridge::net
