#include "proxy/net/slabs.h"

#include "proxy/net/region.h"

#include <algorithm>
#include <cstdint>
#include <sys/mman.h>

namespace drawbridge::net {
namespace {

constexpr std::size_t put_away_max = 64;  // at one call: what lies unused is cold
constexpr std::size_t header_bytes = 64;

}  // namespace

Slabs::~Slabs() {
  while (free_ != nullptr) return_to_slab(std::exchange(free_, free_->next));
}

// In a slab its places begin behind the header, and its address is a multiple of its size.
void* Slabs::take_from_slab() {
  if (roomy_ == nullptr) {
    auto* const fresh = map();
    if (fresh == nullptr) return nullptr;
    fresh->lender = this;
    link(*fresh);
  }
  auto& slab = *roomy_;
  ++slab.used;
  void* place = nullptr;
  if (slab.free != nullptr) {
    place = std::exchange(slab.free, slab.free->next);
  } else {
    place = reinterpret_cast<char*>(&slab) + header_bytes + bytes_ * slab.touched++;
  }
  const bool full = slab.free == nullptr && header_bytes + bytes_ * (slab.touched + std::size_t{1}) > slab_bytes;
  if (full) unlink(slab);
  return place;
}

void Slabs::return_to_slab(void* object) {
  auto& slab = slab_of(object);
  const bool full = slab.free == nullptr && header_bytes + bytes_ * (slab.touched + std::size_t{1}) > slab_bytes;
  slab.free = new (object) Free{slab.free};
  if (full) link(slab);
  if (--slab.used > 0) return;
  unlink(slab);
  unmap(slab);
}

void Slabs::unmap(Slab& slab) const {
  region_ != nullptr ? region_->give_back(&slab) : static_cast<void>(::munmap(&slab, slab_bytes));
}

bool Slabs::put_away() {
  const auto count = std::min(unused_, put_away_max);
  const bool more = unused_ > count;
  for (std::size_t i = 0; i < count; ++i) return_to_slab(std::exchange(free_, free_->next));
  free_count_ -= count;
  unused_ = more ? unused_ - count : free_count_;
  return more;
}

Slabs::Slab* Slabs::map() const {
  if (region_ != nullptr) {
    void* const piece = region_->take();
    return piece != nullptr ? new (piece) Slab{} : nullptr;
  }
  void* room = ::mmap(nullptr, 2 * slab_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<char*>(room);
  const auto before = (slab_bytes - reinterpret_cast<std::uintptr_t>(room) % slab_bytes) % slab_bytes;
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + slab_bytes, slab_bytes - before);
  return new (begin + before) Slab{};
}

void Slabs::link(Slab& slab) {
  slab.previous = nullptr;
  slab.next = roomy_;
  if (roomy_ != nullptr) roomy_->previous = &slab;
  roomy_ = &slab;
}

void Slabs::unlink(Slab& slab) {
  if (slab.next != nullptr) slab.next->previous = slab.previous;
  (slab.previous != nullptr ? slab.previous->next : roomy_) = slab.next;
}

}  // namespace drawbridge::net
