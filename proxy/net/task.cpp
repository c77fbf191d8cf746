#include "proxy/net/task.h"

#include "proxy/net/slabs.h"

#include <array>
#include <new>
#include <utility>

namespace drawbridge::net {

// Sanitizers must see each frame as an allocation of its own.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

void* allocate_frame(std::size_t bytes) {
  return ::operator new(bytes);
}
void free_frame(void* frame, std::size_t) noexcept {
  ::operator delete(frame);
}
bool put_frames_away() {
  return false;
}

#else

namespace {

constexpr std::size_t step_bytes = 128;
constexpr std::size_t classes = 32;  // larger frames than 4 KiB are rare

template <std::size_t... I>
auto make_slabs(std::index_sequence<I...>) {
  return std::array<Slabs, classes>{Slabs((I + 1) * step_bytes)...};
}

using Frames = std::array<Slabs, classes>;

// What a thread has for its frames. Reached by a plain pointer: a thread_local that must be destroyed is asked at
// each use whether it is there, which is a third of what a frame costs.
constinit thread_local Frames* frames = nullptr;

struct OfThread {
  Frames slabs = make_slabs(std::make_index_sequence<classes>());
  OfThread() { frames = &slabs; }
  ~OfThread() { frames = nullptr; }
};

[[gnu::noinline]] Frames& begin_frames() {
  thread_local OfThread of_thread;
  return of_thread.slabs;
}

Slabs& frames_of(std::size_t size_class) {
  return (frames != nullptr ? *frames : begin_frames())[size_class];
}

std::size_t class_of(std::size_t bytes) {
  return (bytes - 1) / step_bytes;
}

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const auto size_class = class_of(bytes);
  return size_class < classes ? frames_of(size_class).take() : ::operator new(bytes);
}

void free_frame(void* frame, std::size_t bytes) noexcept {
  const auto size_class = class_of(bytes);
  if (size_class >= classes) return ::operator delete(frame);
  frames_of(size_class).give_back(frame);
}

bool put_frames_away() {
  bool more = false;
  if (frames == nullptr) return false;
  for (auto& of_a_size : *frames) more |= of_a_size.put_away();
  return more;
}

#endif

}  // namespace drawbridge::net
